-- How long ago a session logged in. Changes nothing.
-- KEYS  1 account
--       2 the login of the session
-- ARGV  none
-- gives ms, or -1 where it did not in this epoch

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch, at = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+):(%d+)$')
if epoch ~= (redis.call('HGET', KEYS[1], 'epoch') or '0') then
  return -1
end
return math.max(now - at, -1)
