-- Count one attempt at something that is compared elsewhere, such as a password, before it is compared.
-- KEYS  1 attempts of the account   2 bans of the account
-- ARGV  1 max_retries   2 find_time in ms
-- gives 0 where it was counted and may be compared, else the ms until one may be made again
--
-- Those that are being compared at this moment count as wrong until they are settled: however many come at once, no more
-- than max_retries are compared.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local max_retries, find_time = tonumber(ARGV[1]), tonumber(ARGV[2])

local left = tonumber(redis.call('HGET', KEYS[2], 'until') or 0) - now
if left > 0 then
  return left
end
local oldest = redis.call('LINDEX', KEYS[1], -max_retries)
if oldest and now - oldest < find_time then
  -- Not more than the window, should the clock have been set back.
  return math.min(find_time - (now - oldest), find_time)
end
redis.call('RPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], -max_retries, -1)
redis.call('PEXPIRE', KEYS[1], find_time)
return 0
