-- Redeem a presented code at most once, in this order: stale, ride, spent, ban, count, compare, consume, effect.
-- KEYS  1 account
--       2 proofs of the scope's value
--       3 the session's last epoch with a proof   4 attempts of the session   5 bans of the session
--       6 attempts of the account                 7 bans of the account
--       8.. for each factor: its recent fingerprints, then its live code of each purpose, the redemption's own first
--       then the live codes of the target, which a deactivation takes along
-- ARGV  1 epoch   2 effect: open, activate, deactivate   3 target, or ''
--       4 a ride needs a proof younger than this in ms, or -1 for no ride   5 and of this token, or ''
--       6 token to remember   7 ms to keep the proof
--       8 max_retries   9 find_time in ms   10 ban_time in ms   11 ban_max in ms
--       12 '1' where the session has a name   13 ms that a session is known   14 ms that bans are remembered
--       15 fingerprints to keep   16 ms to keep them   17 number of purposes   18 number of factors
--       19.. for each factor: name, fingerprint, digest, number of TOTP candidates, then step and digest of each
-- gives { 'stale' } | { 'rode', factor, age in ms } | { 'spent' } | { 'banned', ms left }
--       | { 'wrong', ms of the ban it brought, or 0 } | { 'redeemed', factor }
--
-- Codes, fingerprints and tokens are HMAC digests on both sides, so comparing them with == tells nobody anything: who
-- does not know the key cannot choose a digest to approach another with.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local expected, effect, target = ARGV[1], ARGV[2], ARGV[3]
local younger_than, of_token, token, keep = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local max_retries, find_time = tonumber(ARGV[8]), tonumber(ARGV[9])
local ban_time, ban_max = tonumber(ARGV[10]), tonumber(ARGV[11])

local next_key, next_arg = 8, 19
local function take_key()
  next_key = next_key + 1
  return KEYS[next_key - 1]
end
local function take_arg()
  next_arg = next_arg + 1
  return ARGV[next_arg - 1]
end

local factors = {}
for i = 1, tonumber(ARGV[18]) do
  local factor = { name = take_arg(), fingerprint = take_arg(), digest = take_arg(), codes = {}, candidates = {} }
  for j = 1, tonumber(take_arg()) do
    factor.candidates[j] = { step = tonumber(take_arg()), digest = take_arg() }
  end
  factor.recent = take_key()
  for j = 1, tonumber(ARGV[17]) do
    factor.codes[j] = take_key()
  end
  factors[i] = factor
end
local first_code_of_target = next_key

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', target)
local epoch = account[1] or '0'

local function banned_until(bans)
  return tonumber(redis.call('HGET', bans, 'until') or 0)
end

local function ban_left(bans)
  return math.max(banned_until(bans) - now, 0)
end

local function deactivate()
  redis.call('HDEL', KEYS[1], target, target .. ':sealed', target .. ':mark', target .. ':step')
  epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
  for i = first_code_of_target, #KEYS do
    redis.call('DEL', KEYS[i])
  end
end

-- Stale: the decision was made about an account that has changed since.
local needed = { activate = 'pending', deactivate = 'active' }
if epoch ~= expected or account[2] or (needed[effect] and account[3] ~= needed[effect]) then
  return { 'stale' }
end

-- Ride: the code of a proof that is still good passes again and writes nothing, but for a deactivation, which is done.
-- A deactivation asks for one thing more. Under a ban nothing is counted, so whoever was banned may try all codes and
-- find the one that rides. An open window gains nothing by it; a factor could be taken away. So a code does not ride
-- to a deactivation if the account was banned at any moment since its proof.
local function rides(at)
  if effect == 'open' then return true end
  return effect == 'deactivate' and banned_until(KEYS[7]) <= at
end

if younger_than >= 0 then
  for _, factor in ipairs(factors) do
    local proof = redis.call('HGET', KEYS[2], factor.name) or ''
    local at, made_in, fingerprint, owner = string.match(proof, '^(%d+):(%d+):(%x+):(%x+)$')
    if made_in == epoch and fingerprint == factor.fingerprint and (of_token == '' or of_token == owner) then
      local age = now - at
      if age >= 0 and age < younger_than and rides(tonumber(at)) then
        if effect == 'deactivate' then deactivate() end
        return { 'rode', factor.name, age }
      end
    end
  end
end

-- What the presented code is: `right` for this purpose now; else dead, where it was issued once and serves nothing any
-- more; else live for another purpose.
local function live(key)
  local stored = redis.call('GET', key)
  if not stored then return nil end
  local digest, fingerprint, made_in, at, life = string.match(stored, '^(%x+):(%x+):(%d+):(%d+):(%d+)$')
  local age = now - at
  if age < 0 then
    -- The clock was set back. Nobody can say how old this code is, so it never serves again.
    redis.call('DEL', key)
    return nil
  end
  if made_in ~= epoch or age >= tonumber(life) then return nil end
  return digest, fingerprint
end

local function right_step(factor)
  local last = tonumber(redis.call('HGET', KEYS[1], factor.name .. ':step') or -1)
  for _, candidate in ipairs(factor.candidates) do
    if candidate.digest == factor.digest and candidate.step > last then return candidate.step end
  end
  return nil
end

local function is_recent(factor)
  for _, fingerprint in ipairs(redis.call('LRANGE', factor.recent, 0, -1)) do
    if fingerprint == factor.fingerprint then return true end
  end
  return false
end

local function serves_elsewhere(factor)
  for i = 2, #factor.codes do
    local _, fingerprint = live(factor.codes[i])
    if fingerprint == factor.fingerprint then return true end
  end
  return false
end

local right, step
local once_issued, elsewhere = false, false
for _, factor in ipairs(factors) do
  if not right then
    step = #factor.candidates > 0 and right_step(factor) or nil
    if step or live(factor.codes[1]) == factor.digest then right = factor end
  end
  if not right and is_recent(factor) then
    once_issued = true
    elsewhere = elsewhere or serves_elsewhere(factor)
  end
end

-- Spent: refused, not counted. A code that still serves another purpose waits for the ban below: answered here, it
-- could be found by trying all codes under a ban, where nothing is counted.
if not right and once_issued and not elsewhere then
  return { 'spent' }
end

-- Ban. A session that proved a factor has attempts of its own when those of the account are spent, so that nobody who
-- merely holds a token can lock the owner out.
local attempts, bans = KEYS[6], KEYS[7]
local left = ban_left(bans)
if left > 0 and redis.call('GET', KEYS[3]) == epoch then
  attempts, bans = KEYS[4], KEYS[5]
  local own = ban_left(bans)
  left = own > 0 and math.min(left, own) or 0
end
if left > 0 then
  return { 'banned', left }
end
if not right and elsewhere then
  return { 'spent' }
end

-- Count, before anything is made of the comparison: a store that cannot count stops here with an error.
redis.call('RPUSH', attempts, now)
redis.call('PEXPIRE', attempts, find_time)

-- Compare. The attempt that fills the window with a wrong code brings the ban, twice as long each time.
if not right then
  redis.call('LTRIM', attempts, -max_retries, -1)
  local oldest = redis.call('LINDEX', attempts, -max_retries)
  if not oldest or now - oldest >= find_time then
    return { 'wrong', 0 }
  end
  local times = redis.call('HINCRBY', bans, 'times', 1)
  local ban = math.min(ban_time * 2 ^ math.min(times - 1, 40), ban_max)
  redis.call('HSET', bans, 'until', now + ban)
  redis.call('PEXPIRE', bans, ban + tonumber(ARGV[14]))
  redis.call('DEL', attempts)
  return { 'wrong', ban }
end

-- Consume. A right code takes back its own count, no other, and ends the doubling of bans.
redis.call('RPOP', attempts)
if redis.call('EXISTS', bans) == 1 then
  redis.call('HSET', bans, 'times', 0)
end
if step then
  redis.call('HSET', KEYS[1], right.name .. ':step', step)
  redis.call('LPUSH', right.recent, right.fingerprint)
  redis.call('LTRIM', right.recent, 0, ARGV[15] - 1)
  redis.call('PEXPIRE', right.recent, ARGV[16])
else
  redis.call('DEL', right.codes[1])
end

-- Effect.
if effect == 'deactivate' then
  deactivate()
else
  if effect == 'activate' then
    redis.call('HSET', KEYS[1], target, 'active', 'recorded', '1')
    epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
  end
  redis.call('HSET', KEYS[2], right.name, now .. ':' .. epoch .. ':' .. right.fingerprint .. ':' .. token)
  if redis.call('PTTL', KEYS[2]) < keep then
    redis.call('PEXPIRE', KEYS[2], keep)
  end
end
if ARGV[12] == '1' then
  redis.call('SET', KEYS[3], epoch, 'PX', ARGV[13])
end
return { 'redeemed', right.name }
