-- End the bans of an account and give it its attempts back.
-- KEYS  attempts and bans of each budget
-- ARGV  none
-- gives the number of bans that were in force

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ended = 0
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i])
  if tonumber(redis.call('HGET', KEYS[i + 1], 'until') or 0) > now then
    -- Ended, not forgotten: `redeem` has to know that there was a ban until now.
    redis.call('HSET', KEYS[i + 1], 'until', now)
    ended = ended + 1
  end
  if redis.call('EXISTS', KEYS[i + 1]) == 1 then
    redis.call('HSET', KEYS[i + 1], 'times', 0)
  end
end
return ended
