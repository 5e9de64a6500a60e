-- Remove factors with all that belongs to them, and begin a new epoch. The record stays.
-- KEYS  1 account
--       2.. what goes with them: live codes, what is pending, the set of backup codes
-- ARGV  factors
-- gives the epoch

-- include: epoch
-- include: enrolments
for _, factor in ipairs(ARGV) do
  forget(KEYS[1], factor)
end
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
end
return begin_epoch(KEYS[1])
