-- Void everything that an account has proved because its issuer says so, once for each time that the issuer says it.
-- KEYS  1 account
--       2 what the issuer said
-- ARGV  1 ms to remember what was said
-- gives 1 where the epoch moved, 0 where the same was said before
--
-- One script: what was remembered without being done would be refused when the issuer says it again.

-- include: epoch
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then
  return 0
end
begin_epoch(KEYS[1])
return 1
