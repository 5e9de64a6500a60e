-- Put an account on record, and make factors active whose address or secret a trusted operator vouches for.
-- KEYS  1 account
--       2.. the live codes of the factors
-- ARGV  1 the sealed record
--       2.. for each factor: name, sealed address or secret, the mark that this is recognised by
-- gives the epoch

redis.call('HSET', KEYS[1], 'recorded', '1', 'record', ARGV[1])
for i = 2, #ARGV, 3 do
  local factor, sealed, mark = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('HGET', KEYS[1], factor .. ':mark') ~= mark then
    -- Steps of another secret say nothing about this one; those of the same stay used.
    redis.call('HDEL', KEYS[1], factor .. ':step')
  end
  redis.call('HSET', KEYS[1], factor, 'active', factor .. ':sealed', sealed, factor .. ':mark', mark)
end
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
end
-- A change of factors begins a new epoch; a change of the record alone does not.
return redis.call('HINCRBY', KEYS[1], 'epoch', #ARGV > 1 and 1 or 0)
