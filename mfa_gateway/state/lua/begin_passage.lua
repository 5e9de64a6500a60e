-- Begin a passage, or find the one that began. It moves to a new epoch with whoever changes a factor in it.
-- KEYS  1 account
--       2 the passage
-- ARGV  1 epoch that whoever asks was let in in   2 ms that it lasts, or 0 where it has to have begun, as a session has
-- gives { epoch, the second factor that was shown or '', ms since then or 0 }, or nothing where it is over

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
local found = redis.call('HMGET', KEYS[2], 'epoch', 'second', 'shown')
if (found[1] or ARGV[1]) ~= epoch or account[2] then
  return false
end
if not found[1] and ARGV[2] == '0' then
  return false
elseif not found[1] then
  redis.call('HSET', KEYS[2], 'epoch', epoch)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return { tonumber(epoch), found[2] or '', found[3] and math.max(now - found[3], 0) or 0 }
