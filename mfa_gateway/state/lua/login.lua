-- Remember that a session has just logged in.
-- KEYS  1 account
--       2 the login of the session
-- ARGV  1 ms that it counts as recent
-- gives 1

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
redis.call('SET', KEYS[2], epoch .. ':' .. now, 'PX', ARGV[1])
return 1
