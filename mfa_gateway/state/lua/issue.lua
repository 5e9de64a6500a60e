-- Make a code the only live one of its factor and purpose, unless the account has changed. A short one is new, too.
-- KEYS  1 account
--       2 the live code
--       3 recent fingerprints of the factor
--       4.. for a short code: those of the other factors whose codes travel
-- ARGV  1 epoch   2 digest   3 fingerprint   4 life in ms   5 fingerprints to keep   6 ms to keep them
--       7 id of the enrolment that it goes to, or ''
--       8.. for a short code: its fingerprint in each of the keys from 3 on
-- gives 1 where it was made, 0 where the decision is stale, -3 where a short code has to be another one
--
-- A recent code is refused without being counted, under a ban too. Were it issued again, whoever knows the recent ones
-- would have that many guesses for nothing: too good a chance where there are ten thousand codes, so it is not.

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled')
local epoch = account[1] or '0'
if epoch ~= ARGV[1] or account[2] then
  return 0
end
for i = 8, #ARGV do
  for _, fingerprint in ipairs(redis.call('LRANGE', KEYS[i - 5], 0, -1)) do
    if fingerprint == ARGV[i] then
      return -3
    end
  end
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life = ARGV[4]

-- The birth goes in too: an expiry alone would let a code live longer when the clock is set back.
redis.call('SET', KEYS[2], ARGV[2] .. ':' .. ARGV[3] .. ':' .. epoch .. ':' .. now .. ':' .. life .. ':' .. ARGV[7], 'PX', life)
redis.call('LPUSH', KEYS[3], ARGV[3])
redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1
