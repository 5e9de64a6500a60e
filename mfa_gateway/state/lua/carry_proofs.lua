-- What was proved in one session counts in another, and for the account, at its true age: older proofs give way.
-- KEYS  1 account
--       2 proofs of the session that showed a factor
--       3 that session, a passage, which is over then
--       4 the other session's last epoch with a proof
--       5.. proofs that take them over
-- ARGV  1 ms that a session is known   2 '1' where they are two sessions, or '' where they are one
-- gives the number of proofs

local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'
local left = redis.call('PTTL', KEYS[2])
local carried = 0

local function take_over(proofs, factor, proof, at)
  local held = string.match(redis.call('HGET', proofs, factor) or '', '^(%d+):' .. epoch .. ':')
  if not held or tonumber(held) < at then
    redis.call('HSET', proofs, factor, proof)
  end
  if redis.call('PTTL', proofs) < left then
    redis.call('PEXPIRE', proofs, left)
  end
end

local stored = redis.call('HGETALL', KEYS[2])
for i = 1, #stored, 2 do
  local at, made_in = string.match(stored[i + 1], '^(%d+):(%d+):')
  if made_in == epoch then
    carried = carried + 1
    for j = 5, #KEYS do
      take_over(KEYS[j], stored[i], stored[i + 1], tonumber(at))
    end
  end
end
if carried > 0 then
  redis.call('SET', KEYS[4], epoch, 'PX', ARGV[1])
end
-- Whoever still has the ticket of the login has shown nothing any more.
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[2], KEYS[3])
end
return carried
