-- Take one enrolment away, or a whole factor, as an operator wants it, and begin a new epoch.
-- KEYS  1 account
--       2 the set of backup codes
--       3.. the live codes of the factor
-- ARGV  1 factor   2 the enrolment's id, or '' for the factor
-- gives 1 where it was done, 0 where there is no such thing

-- include: epoch
-- include: enrolments
local account = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[1] .. ':sealed')
if not account[1] or (ARGV[2] ~= '' and not enrolment(account[2], ARGV[2])) then
  return 0
end
take_away(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
for i = 3, #KEYS do
  redis.call('DEL', KEYS[i])
end
begin_epoch(KEYS[1])
return 1
