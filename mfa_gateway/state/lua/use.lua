-- Remember that something was used, which may be used once.
-- KEYS  1 what it is
-- ARGV  1 ms that it could be shown again
-- gives 1 for the first use, 0 for every other

return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
