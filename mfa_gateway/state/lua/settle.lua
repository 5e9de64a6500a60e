-- Say what became of an attempt that was counted before: right, it takes back its own count and ends the doubling of
-- bans; wrong, it brings a ban where it filled the window, twice as long each time, and one for the rest of a day that
-- it filled.
-- KEYS  1 attempts of the account   2 bans of the account   3 what was counted over a day
-- ARGV  1 'right' or 'wrong'   2 max_retries   3 find_time in ms   4 ban_time in ms   5 ban_max in ms
--       6 ms that bans are remembered   7 wrong ones in a day   8 ms of that day
-- gives the ms of the ban that it brought, or 0

if ARGV[1] == 'right' then
  redis.call('RPOP', KEYS[1])
  redis.call('LPOP', KEYS[3])
  if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('HSET', KEYS[2], 'times', 0)
  end
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local day = tonumber(ARGV[8])
local first = redis.call('LINDEX', KEYS[3], ARGV[7] - 1)
-- Not more than a day, should the clock have been set back.
local ban = first and math.max(math.min(first + day - now, day), 0) or 0
local oldest = redis.call('LINDEX', KEYS[1], -ARGV[2])
if oldest and now - oldest < tonumber(ARGV[3]) then
  local times = redis.call('HINCRBY', KEYS[2], 'times', 1)
  ban = math.max(ban, math.min(ARGV[4] * 2 ^ (times - 1), tonumber(ARGV[5])))
  redis.call('DEL', KEYS[1])
end
if ban > 0 then
  -- One that was under way when another brought a ban does not shorten it.
  local left = math.max(ban, tonumber(redis.call('HGET', KEYS[2], 'until') or 0) - now)
  redis.call('HSET', KEYS[2], 'until', now + left)
  redis.call('PEXPIRE', KEYS[2], left + tonumber(ARGV[6]))
end
return ban
