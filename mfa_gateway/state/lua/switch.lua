-- Disable an account or enable it again, and begin a new epoch.
-- KEYS  1 account
-- ARGV  1 'disable' or 'enable'
-- gives the epoch

-- include: epoch
if ARGV[1] == 'disable' then
  redis.call('HSET', KEYS[1], 'disabled', '1')
else
  redis.call('HDEL', KEYS[1], 'disabled')
end
return begin_epoch(KEYS[1])
