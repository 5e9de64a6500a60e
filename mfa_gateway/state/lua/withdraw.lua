-- Take one enrolment away, or a whole factor, as somebody wants it who may, and begin a new epoch.
-- KEYS  1 account
--       2 the set of backup codes
--       3 the session, where it is one that the gateway opened
--       4.. the live codes of the factor
-- ARGV  1 factor   2 the enrolment's id, or '' for the factor   3 epoch that the decision was made in
-- gives 1 where it was done, 0 where the account has changed, -1 where there is no such thing

-- include: epoch
-- include: enrolments
local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', ARGV[1], ARGV[1] .. ':sealed')
if (account[1] or '0') ~= ARGV[3] or account[2] then
  return 0
end
if account[3] ~= 'active' or (ARGV[2] ~= '' and not enrolment(account[4], ARGV[2])) then
  return -1
end
take_away(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
for i = 4, #KEYS do
  redis.call('DEL', KEYS[i])
end
begin_epoch_within(KEYS[1], KEYS[3])
return 1
