-- End the bans of an account and give it its attempts back.
-- KEYS  attempts, bans, wrong short codes, and what was counted over a day, of each budget
-- ARGV  none
-- gives the number of bans that were in force

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ended = 0
for i = 1, #KEYS, 4 do
  redis.call('DEL', KEYS[i], KEYS[i + 2], KEYS[i + 3])
  local in_force = 0
  for _, moment in ipairs({ 'until', 'short' }) do
    if tonumber(redis.call('HGET', KEYS[i + 1], moment) or 0) > now then
      -- Ended, not forgotten: `redeem` has to know that there was a ban until now.
      redis.call('HSET', KEYS[i + 1], moment, now)
      in_force = 1
    end
  end
  ended = ended + in_force
  if redis.call('EXISTS', KEYS[i + 1]) == 1 then
    redis.call('HSET', KEYS[i + 1], 'times', 0)
  end
end
return ended
