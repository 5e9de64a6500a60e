-- Make the live code of a factor and purpose worthless. It stays among the recent ones: presented, it is spent.
-- KEYS  1 the live code
-- ARGV  none
-- gives 1 where there was one, else 0

return redis.call('DEL', KEYS[1])
