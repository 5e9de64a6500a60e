-- Count a code on its way to a country, unless that is stopped; stop it where too few codes were redeemed.
-- KEYS  1 codes by country
--       2 the code on its way
-- ARGV  1 country   2 window in ms   3 parts it is counted in   4 least sent   5 least rate   6 ms of a stop
--       7 life of the code in ms
-- gives { ms left of a stop, or 0 where the code was counted, sent, redeemed }; sent is 0 but where the stop began now
--
-- A ring of one part more than the window has: the part that is going on and the full ones before it. Each says when it
-- began, how many codes were sent in it, and how many of these were redeemed, whenever that was.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local country, window, parts, stop = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[6])
local width = math.ceil(window / parts)
local began = now - now % width
local current = string.format('%s:%d', country, began / width % (parts + 1))

local ring = {}
for i = 0, parts do
  ring[i + 1] = country .. ':' .. i
end

-- Not more than a whole stop, should the clock have been set back.
local stopped_until = tonumber(redis.call('HGET', KEYS[1], country .. ':until') or 0)
local left = math.min(stopped_until - now, stop)
if left > 0 then
  return { left, 0, 0 }
end

local sent, redeemed, sent_now, redeemed_now = 0, 0, 0, 0
for i, counts in ipairs(redis.call('HMGET', KEYS[1], unpack(ring))) do
  local at, of_part, back = string.match(counts or '', '^(%d+):(%d+):(%d+)$')
  if at and tonumber(at) <= now and now - at < window + width then
    sent, redeemed = sent + of_part, redeemed + back
    if ring[i] == current and tonumber(at) == began then
      sent_now, redeemed_now = tonumber(of_part), tonumber(back)
    end
  end
end

if sent >= tonumber(ARGV[4]) and redeemed < tonumber(ARGV[5]) * sent then
  redis.call('HDEL', KEYS[1], unpack(ring))
  redis.call('HSET', KEYS[1], country .. ':until', string.format('%d', now + stop))
  redis.call('PEXPIRE', KEYS[1], window + width + stop)
  return { stop, sent, redeemed }
end
redis.call('HSET', KEYS[1], current, string.format('%d:%d:%d', began, sent_now + 1, redeemed_now))
redis.call('PEXPIRE', KEYS[1], window + width + stop)
redis.call('SET', KEYS[2], string.format('%s:%d', current, began), 'PX', ARGV[7])
return { 0, 0, 0 }
