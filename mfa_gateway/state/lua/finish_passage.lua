-- A second factor was shown in a passage.
-- KEYS  1 account
--       2 the passage
-- ARGV  1 the factor
-- gives { epoch, the factor, 0 }, or nothing where it is over

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
if redis.call('HGET', KEYS[2], 'epoch') ~= epoch or account[2] then
  return false
end
local t = redis.call('TIME')
redis.call('HSET', KEYS[2], 'second', ARGV[1], 'shown', t[1] * 1000 + math.floor(t[2] / 1000))
return { tonumber(epoch), ARGV[1], 0 }
