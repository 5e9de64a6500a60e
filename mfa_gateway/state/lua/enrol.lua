-- Make a factor pending, unless it is active or the account has changed.
-- KEYS  1 account
--       2 the live activation code of the factor
-- ARGV  1 epoch   2 factor   3 its sealed address or secret   4 the mark that this is recognised by
-- gives 1 where it was made, 0 where the decision is stale

local factor = ARGV[2]
local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', factor, factor .. ':mark')
if (account[1] or '0') ~= ARGV[1] or account[2] or account[3] == 'active' then
  return 0
end
if account[4] ~= ARGV[4] then
  -- A code that went to another address must not activate this one.
  redis.call('DEL', KEYS[2])
end
redis.call('HSET', KEYS[1], factor, 'pending', factor .. ':sealed', ARGV[3], factor .. ':mark', ARGV[4])
return 1
