-- Void all proofs, codes and tickets of an account: begin a new epoch. Factors, attempts and bans stay.
-- KEYS  1 account
-- ARGV  none
-- gives the epoch
--
-- Always a new one, and not only where the epoch is that of some earlier look: what was proved since then may have been
-- proved by those whom this is to end.

-- include: epoch
return begin_epoch(KEYS[1])
