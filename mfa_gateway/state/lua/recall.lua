-- What is known of an account now. Changes nothing.
-- KEYS  1 account
--       2 proofs of the scope's value
-- ARGV  fields of the account to read, 'epoch' first
-- gives { the store's clock in ms since 1970 (for TOTP), { field values }, { factor, age in ms, factor, age, ... } }

-- A write that changes nothing (the account never expires): a replica refuses it, so an account that was revoked on the
-- primary is never recalled from a replica that has not heard of it yet.
redis.call('PERSIST', KEYS[1])

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local fields = redis.call('HMGET', KEYS[1], unpack(ARGV))
local epoch = fields[1] or '0'

local proofs = {}
local stored = redis.call('HGETALL', KEYS[2])
for i = 1, #stored, 2 do
  local at, made_in = string.match(stored[i + 1], '^(%d+):(%d+):')
  if made_in == epoch then
    proofs[#proofs + 1] = stored[i]
    proofs[#proofs + 1] = now - at
  end
end
return { now, fields, proofs }
