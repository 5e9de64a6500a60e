-- Put an account on record, and make factors active whose address or secret a trusted operator vouches for. Each of them
-- has that one enrolment from then on.
-- KEYS  1 account
--       2.. the live codes of the factors
-- ARGV  1 the sealed record
--       2.. for each factor: name, the enrolment's id, the enrolment, sealed
-- gives the epoch

-- include: epoch
-- include: enrolments
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'recorded', '1', 'record', ARGV[1])
for i = 2, #ARGV, 3 do
  local factor, id, sealed = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  -- Steps of another secret say nothing about this one; those of the same stay used.
  local names = { factor .. ':step:' .. id, factor .. ':used:' .. id, factor .. ':added:' .. id }
  local known = redis.call('HMGET', KEYS[1], unpack(names))
  forget(KEYS[1], factor)
  redis.call('HSET', KEYS[1], factor, 'active', factor .. ':sealed', id .. ':' .. sealed)
  known[3] = known[3] or now
  for j, name in ipairs(names) do
    if known[j] then redis.call('HSET', KEYS[1], name, known[j]) end
  end
end
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
end
-- A change of factors begins a new epoch; a change of the record alone does not.
return ARGV[2] and begin_epoch(KEYS[1]) or tonumber(redis.call('HGET', KEYS[1], 'epoch') or 0)
