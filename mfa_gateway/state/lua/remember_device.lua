-- Remember a device, unless the account has changed. Beyond so many, those that would be forgotten first are.
-- KEYS  1 account
--       2 devices of the account at one site
-- ARGV  1 epoch that the decision was made in   2 digest of the device   3 ms to remember it   4 devices to remember
-- gives 1 remembered, 0 the epoch moved or the account is disabled

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
if epoch ~= ARGV[1] or account[2] then
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life = tonumber(ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], epoch .. ':' .. now .. ':' .. ARGV[3])

local ends = {}
local stored = redis.call('HGETALL', KEYS[2])
for i = 1, #stored, 2 do
  local made_in, at, lasts = string.match(stored[i + 1], '^(%d+):(%d+):(%d+)$')
  local left = at + lasts - now
  if made_in ~= epoch or left <= 0 then
    redis.call('HDEL', KEYS[2], stored[i])
  elseif stored[i] ~= ARGV[2] then
    ends[#ends + 1] = { device = stored[i], left = left }
  end
end
table.sort(ends, function(one, other) return one.left < other.left end)
for i = 1, #ends + 1 - tonumber(ARGV[4]) do
  redis.call('HDEL', KEYS[2], ends[i].device)
end
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), life))
return 1
