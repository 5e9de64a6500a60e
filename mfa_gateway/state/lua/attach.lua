-- Make one more enrolment active that a trusted operator vouches for, and begin a new epoch.
-- KEYS  1 account
-- ARGV  1 factor   2 the enrolment's id   3 the enrolment, sealed   4 enrolments that a factor may have
-- gives 1 where it was done, -1 where the factor has it, -2 where it is full

-- include: epoch
-- include: enrolments
local factor, id = ARGV[1], ARGV[2]
local account = redis.call('HMGET', KEYS[1], factor, factor .. ':sealed')
local list = account[1] == 'active' and account[2] or nil
if enrolment(list, id) then
  return -1
end
local new, count = with(list, id, ARGV[3])
if count > tonumber(ARGV[4]) then
  return -2
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'recorded', '1', factor, 'active', factor .. ':sealed', new, factor .. ':added:' .. id, now)
begin_epoch(KEYS[1])
return 1
