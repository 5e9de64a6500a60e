-- Remove factors with all that belongs to them, and begin a new epoch. The record stays.
-- KEYS  1 account
--       2.. the live codes of the factors
-- ARGV  factors
-- gives the epoch

for _, factor in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], factor, factor .. ':sealed', factor .. ':mark', factor .. ':step')
end
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
end
return redis.call('HINCRBY', KEYS[1], 'epoch', 1)
