-- Say what became of an attempt that was counted before: right, it takes back its own count and ends the doubling of
-- bans; wrong, it brings a ban where it filled the window, twice as long each time.
-- KEYS  1 attempts of the account   2 bans of the account
-- ARGV  1 'right' or 'wrong'   2 max_retries   3 find_time in ms   4 ban_time in ms   5 ban_max in ms
--       6 ms that bans are remembered
-- gives the ms of the ban that it brought, or 0

if ARGV[1] == 'right' then
  redis.call('RPOP', KEYS[1])
  if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('HSET', KEYS[2], 'times', 0)
  end
  return 0
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local oldest = redis.call('LINDEX', KEYS[1], -ARGV[2])
if not oldest or now - oldest >= tonumber(ARGV[3]) then
  return 0
end
local times = redis.call('HINCRBY', KEYS[2], 'times', 1)
local ban = math.min(ARGV[4] * 2 ^ math.min(times - 1, 40), tonumber(ARGV[5]))
redis.call('HSET', KEYS[2], 'until', now + ban)
redis.call('PEXPIRE', KEYS[2], ban + tonumber(ARGV[6]))
redis.call('DEL', KEYS[1])
return ban
