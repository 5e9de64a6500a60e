-- Count one attempt at something that is compared elsewhere, such as a password, before it is compared.
-- KEYS  1 attempts of the account   2 bans of the account   3 what was counted over a day
-- ARGV  1 max_retries   2 find_time in ms   3 wrong ones in a day   4 ms of that day
-- gives 0 where it was counted and may be compared, else the ms until one may be made again
--
-- Those that are being compared at this moment count as wrong until they are settled: however many come at once, no more
-- than max_retries are compared, nor more than those of a day.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local max_retries, find_time = tonumber(ARGV[1]), tonumber(ARGV[2])
local most_a_day, day = tonumber(ARGV[3]), tonumber(ARGV[4])

-- The ms until the oldest of a full window has left it, else 0. Not more than the window, should the clock have been set
-- back.
local function rest_of(oldest, window)
  return oldest and math.max(math.min(oldest + window - now, window), 0) or 0
end

local left = tonumber(redis.call('HGET', KEYS[2], 'until') or 0) - now
if left > 0 then
  return left
end
left = math.max(
  rest_of(redis.call('LINDEX', KEYS[1], -max_retries), find_time),
  rest_of(redis.call('LINDEX', KEYS[3], most_a_day - 1), day)
)
if left > 0 then
  return left
end
redis.call('RPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], -max_retries, -1)
redis.call('PEXPIRE', KEYS[1], find_time)
redis.call('LPUSH', KEYS[3], now)
redis.call('LTRIM', KEYS[3], 0, most_a_day - 1)
redis.call('PEXPIRE', KEYS[3], day)
return 0
