-- Put a new set of backup codes in the place of the old one, unless the account has changed or has nothing else.
-- KEYS  1 account
--       2 the set
--       3 the session, where it is one that the gateway opened
-- ARGV  1 epoch, or '' where an operator asks   2 the level of the set
--       3.. digests of the codes
-- gives 1 where it was made, 0 where it was not

-- include: epoch
local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', 'email', 'sms', 'totp', 'push')
if ARGV[1] ~= '' and ((account[1] or '0') ~= ARGV[1] or account[2]) then
  return 0
end
local has_other = false
for i = 3, #account do
  has_other = has_other or account[i] == 'active'
end
if not has_other then
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A window that an old code opened is void with it. A first set voids nothing.
if redis.call('HEXISTS', KEYS[1], 'backup') == 1 then
  begin_epoch_within(KEYS[1], KEYS[3])
end
redis.call('DEL', KEYS[2])
for i = 3, #ARGV do
  redis.call('SADD', KEYS[2], ARGV[i])
end
redis.call('HSET', KEYS[1], 'backup', 'active', 'backup:level', ARGV[2], 'backup:added:', now)
redis.call('HDEL', KEYS[1], 'backup:used:')
return 1
