-- End a session of the gateway's own, with its login and what was proved in it.
-- KEYS  1 account
--       2 the session
--       3 the login of the session
--       4 proofs of the session
-- ARGV  none
-- gives 1 where it was open, else 0

local was_open = redis.call('DEL', KEYS[2])
redis.call('DEL', KEYS[3], KEYS[4])
-- Whoever holds something open for the account looks whether it was for this session. Nothing may fail any more.
redis.pcall('PUBLISH', 'mfa:revocations', KEYS[1])
return was_open
