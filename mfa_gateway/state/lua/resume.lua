-- What is pending of a factor, where it still is. Changes nothing.
-- KEYS  1 account
--       2 what is pending of the factor
-- ARGV  none
-- gives { id, the enrolment, sealed } | { }

-- include: pending
local found = pending(KEYS[1], KEYS[2])
return found and { found.id, found.sealed } or {}
