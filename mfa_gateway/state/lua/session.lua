-- A session of the gateway's own as it is now. One of an old epoch is over.
-- KEYS  1 account
--       2 the session
-- ARGV  1 ms that one which lasts until it is closed is kept unused
-- gives { ms since it was opened, ms left or -1 until it is closed, digest of its token, sealed }, or nothing

-- A write that changes nothing, as in recall: a replica may not know yet that the account was revoked.
redis.call('PERSIST', KEYS[1])

local found = redis.call('HMGET', KEYS[2], 'epoch', 'at', 'token', 'sealed', 'endless')
if found[1] ~= (redis.call('HGET', KEYS[1], 'epoch') or '0') then
  return false
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left = redis.call('PTTL', KEYS[2])
if found[5] then
  -- Not at every look: a write travels to every replica.
  if left < ARGV[1] / 2 then
    redis.call('PEXPIRE', KEYS[2], ARGV[1])
  end
  left = -1
end
return { math.max(now - found[2], 0), left, found[3], found[4] }
