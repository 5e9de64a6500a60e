-- Take the right to send one code.
-- KEYS  1 the pause between two codes
-- ARGV  1 its length in ms
-- gives 0 where the right was taken, else the ms until it is free again

local left = redis.call('PTTL', KEYS[1])
if left > 0 then
  return left
end
if tonumber(ARGV[1]) > 0 then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 0
