-- What is known of an account now: KEYS[1], with the proofs of KEYS[2]; ARGV are the fields to read, 'epoch' first.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local function recalled()
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
end
