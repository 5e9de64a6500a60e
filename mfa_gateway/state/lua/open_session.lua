-- Open a session of the gateway's own, and remember that it has just logged in; nothing in another epoch.
-- KEYS  1 account
--       2 the session
--       3 the login of the session
-- ARGV  1 epoch that the decision was made in
--       2 digest of its token
--       3 what is kept of it, sealed
--       4 ms that it lasts, or '' until it is closed
--       5 ms that the login counts as recent
--       6 ms that one which lasts until it is closed is kept unused
-- gives 1 opened, 0 the epoch moved or the account is disabled

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
if epoch ~= ARGV[1] or account[2] then
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local endless = ARGV[4] == ''
redis.call('HSET', KEYS[2], 'epoch', epoch, 'at', now, 'token', ARGV[2], 'sealed', ARGV[3])
if endless then
  redis.call('HSET', KEYS[2], 'endless', '1')
end
redis.call('PEXPIRE', KEYS[2], endless and ARGV[6] or ARGV[4])
redis.call('SET', KEYS[3], epoch .. ':' .. now, 'PX', ARGV[5])
return 1
