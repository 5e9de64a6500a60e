-- Make a code the only live one of its factor and purpose, unless the account has changed.
-- KEYS  1 account
--       2 the live code
--       3 recent fingerprints of the factor
-- ARGV  1 epoch   2 digest   3 fingerprint   4 life in ms   5 fingerprints to keep   6 ms to keep them
-- gives 1 where it was made, 0 where the decision is stale

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
if epoch ~= ARGV[1] or account[2] then
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life = ARGV[4]

-- The birth goes in too: an expiry alone would let a code live longer when the clock is set back.
redis.call('SET', KEYS[2], ARGV[2] .. ':' .. ARGV[3] .. ':' .. epoch .. ':' .. now .. ':' .. life, 'PX', life)
redis.call('LPUSH', KEYS[3], ARGV[3])
redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1
