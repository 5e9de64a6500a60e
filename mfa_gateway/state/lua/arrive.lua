-- Say what became of a code on its way to a country: redeemed, or never sent.
-- KEYS  1 codes by country
--       2 the code on its way
-- ARGV  1 'redeemed' or 'unsent'
-- gives 1 where it was counted, 0 where nobody waited for it any more
--
-- It counts in the part of the window in which it was sent: one that is gone, or that a stop has cleared, stays so.

local part, began = string.match(redis.call('GET', KEYS[2]) or '', '^(%u%u:%d+):(%d+)$')
if not part then
  return 0
end
redis.call('DEL', KEYS[2])
local at, sent, redeemed = string.match(redis.call('HGET', KEYS[1], part) or '', '^(%d+):(%d+):(%d+)$')
if at ~= began then
  return 0
end
if ARGV[1] == 'redeemed' then
  redeemed = redeemed + 1
else
  sent = math.max(sent - 1, 0)
end
redis.call('HSET', KEYS[1], part, string.format('%d:%d:%d', at, sent, redeemed))
return 1
