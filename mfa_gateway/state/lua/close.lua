-- End a window before its time: forget what was proved in one scope's value.
-- KEYS  1 proofs of the scope's value
-- ARGV  none
-- gives 1 where something had been proved, else 0
--
-- The codes stay spent, so none of them rides on a proof that is gone. Whoever redeems a new one opens a new window.

return redis.call('DEL', KEYS[1])
