-- What is known of an account now. Changes nothing.
-- KEYS  1 account
--       2 proofs of the scope's value
-- ARGV  fields of the account to read, 'epoch' first
-- gives { the store's clock in ms since 1970 (for TOTP), { field values }, { factor, age in ms, factor, age, ... } }

-- A write that changes nothing (the account never expires): a replica refuses it, so an account that was revoked on the
-- primary is never recalled from a replica that has not heard of it yet.
redis.call('PERSIST', KEYS[1])

-- include: recalled
return recalled()
