-- Exchange what is kept of one enrolment, unless the account has changed.
-- KEYS  1 account
-- ARGV  1 epoch   2 factor   3 the enrolment's id   4 the enrolment, sealed
-- gives 1 where it was done, 0 where the decision is stale

-- include: enrolments
local field = ARGV[2] .. ':sealed'
local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', field)
if (account[1] or '0') ~= ARGV[1] or account[2] or not enrolment(account[3], ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], field, (with(account[3], ARGV[3], ARGV[4])))
return 1
