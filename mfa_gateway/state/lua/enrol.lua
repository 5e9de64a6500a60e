-- Make an enrolment pending, unless the factor has it already, is full, or the account has changed.
-- KEYS  1 account
--       2 the live activation code of the factor
--       3 what is pending of the factor
-- ARGV  1 epoch   2 factor   3 the enrolment's id   4 the enrolment, sealed   5 ms that it may be pending
--       6 enrolments that a factor may have   7 '1' where a factor that is off shows as pending
-- gives 1 where it was made, 0 where the decision is stale, -1 where the factor has it, -2 where it is full

-- include: enrolments
local factor, id = ARGV[2], ARGV[3]
local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', factor, factor .. ':sealed')
if (account[1] or '0') ~= ARGV[1] or account[2] then
  return 0
end
if account[3] == 'active' and enrolment(account[4], id) then
  return -1
end
local _, count = with(account[4], id, '')
if account[3] == 'active' and count > tonumber(ARGV[6]) then
  return -2
end
if redis.call('HGET', KEYS[3], 'id') ~= id then
  -- A code that went to another address must not activate this one.
  redis.call('DEL', KEYS[2])
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('DEL', KEYS[3])
-- The birth goes in too: an expiry alone would let it live longer when the clock is set back.
redis.call('HSET', KEYS[3], 'id', id, 'sealed', ARGV[4], 'epoch', ARGV[1], 'at', now, 'life', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
if account[3] ~= 'active' and ARGV[7] == '1' then
  redis.call('HSET', KEYS[1], factor, 'pending')
end
return 1
