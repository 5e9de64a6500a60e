-- What is pending of a factor, where it still is. Changes nothing.
-- KEYS  1 account
--       2 what is pending of the factor
-- ARGV  none
-- gives { id, the enrolment, sealed } | { }

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local pending = redis.call('HMGET', KEYS[2], 'id', 'sealed', 'epoch', 'at', 'life')
local age = now - (pending[4] or now)
if not pending[1] or pending[3] ~= (redis.call('HGET', KEYS[1], 'epoch') or '0') then
  return {}
end
if age < 0 or age >= tonumber(pending[5]) then
  return {}
end
return { pending[1], pending[2] }
