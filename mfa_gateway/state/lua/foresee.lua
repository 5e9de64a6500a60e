-- What is known of an account now, and what a code would meet. Changes nothing and counts nothing.
-- KEYS  1 account
--       2 proofs of the scope's value
--       3 the session's last epoch with a proof   4 bans of the session   5 bans of the account
-- ARGV  fields of the account to read, 'epoch' first
-- gives { what recall gives, ms that no code is compared, ms that no short code is }

-- A write that changes nothing, so that no replica answers (recall).
redis.call('PERSIST', KEYS[1])

-- include: recalled
-- include: bans
local known = recalled()
local _, left = lane(KEYS[3], known[2][1] or '0', KEYS[4], KEYS[5], now)
return { known, left, math.max(short_banned_until(KEYS[5]) - now, 0) }
