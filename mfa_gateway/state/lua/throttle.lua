-- Count one message against a quota, unless one of its windows is full.
-- KEYS  1 when messages were counted, oldest first
-- ARGV  requests and period in ms of each window
-- gives 0 where it was counted, else the ms until the quota agrees again
--
-- A sliding window needs no sum: it is full when the message counted `requests` ago is younger than `period`.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left, longest, most = 0, 0, 0
for i = 1, #ARGV, 2 do
  local requests, period = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  if requests == 0 then
    left = math.max(left, period)
  else
    local earlier = redis.call('LINDEX', KEYS[1], -requests)
    -- Not more than the period, should the clock have been set back.
    left = math.max(left, earlier and math.min(period - (now - earlier), period) or 0)
  end
  longest, most = math.max(longest, period), math.max(most, requests)
end
if left > 0 then
  return left
end
redis.call('RPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], -most, -1)
redis.call('PEXPIRE', KEYS[1], longest)
return 0
