-- Redeem a presented code at most once, in this order: stale, ride, spent, ban, count, compare, consume, effect.
-- KEYS  1 account
--       2 proofs of the scope's value
--       3 the session's last epoch with a proof   4 attempts of the session   5 bans of the session
--       6 attempts of the account                 7 bans of the account
--       8 the set of backup codes
--       9 wrong short codes of the account, over a day
--       10 the session, where it is one that the gateway opened
--       11 what was counted of the session's lane over a day   12 of the account's
--       13.. for each factor: its recent fingerprints, then its live code of each purpose, the redemption's own first
--       then what is pending of the target, for an activation, or its live codes, which a deactivation takes along
-- ARGV  1 epoch   2 effect: open, activate, deactivate, enter   3 target, or ''
--       4 a ride needs a proof younger than this in ms, or -1 for no ride   5 and of this token, or ''
--       6 token to remember   7 ms to keep the proof
--       8 max_retries   9 find_time in ms   10 ban_time in ms   11 ban_max in ms
--       12 '1' where the session has a name   13 ms that a session is known   14 ms that bans are remembered
--       15 fingerprints to keep   16 ms to keep them   17 number of purposes   18 number of factors
--       19 id of the enrolment that is activated or taken away, or '' for whichever is pending, or for all
--       20 wrong tries that a short code survives, with the last of which it is void, or 0 where this is no short code
--       21 wrong short codes in a day   22 ms of that day   23 wrong codes of one lane in a day
--       24.. for each factor: name, fingerprint, digest, number of TOTP candidates, then step, digest, and id of each
-- gives { 'stale' } | { 'rode', factor, age in ms } | { 'spent' } | { 'banned', ms left }
--       | { 'wrong', ms of the ban it brought, or 0 } | { 'redeemed', factor }
--
-- Codes, fingerprints and tokens are HMAC digests on both sides, so comparing them with == tells nobody anything: who
-- does not know the key cannot choose a digest to approach another with.
--
-- Short codes are compared under stricter numbers beside those of the budget, and these have no reserve: whichever lane
-- an attempt is counted in, it counts against the live codes and against the day of the account.
--
-- The window of find_time stops who is quick, and the day who is patient. What a ban forgives, the day does not.

-- include: epoch
-- include: enrolments
-- include: bans
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local expected, effect, target = ARGV[1], ARGV[2], ARGV[3]
local younger_than, of_token, token, keep = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local max_retries, find_time = tonumber(ARGV[8]), tonumber(ARGV[9])
local ban_time, ban_max = tonumber(ARGV[10]), tonumber(ARGV[11])

local chosen = ARGV[19]
local tries, per_day, day = tonumber(ARGV[20]), tonumber(ARGV[21]), tonumber(ARGV[22])
local is_short = tries > 0
local wrong_today, most_a_day = KEYS[9], tonumber(ARGV[23])

local next_key, next_arg = 13, 24
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
    factor.candidates[j] = { step = tonumber(take_arg()), digest = take_arg(), id = take_arg() }
  end
  factor.recent = take_key()
  for j = 1, tonumber(ARGV[17]) do
    factor.codes[j] = take_key()
  end
  factors[i] = factor
end
local first_key_of_target = next_key

local account = redis.call('HMGET', KEYS[1], 'epoch', 'disabled', target, target .. ':sealed')
local epoch = account[1] or '0'

-- The moment from which on short codes are compared again. It matters to nothing else.
local function short_until()
  return is_short and short_banned_until(KEYS[7]) or 0
end

-- Whoever changes a factor ends every session but the one in which it was done.
local function move_epoch()
  epoch = begin_epoch_within(KEYS[1], KEYS[10])
end

local function deactivate()
  take_away(KEYS[1], KEYS[8], target, chosen)
  move_epoch()
  for i = first_key_of_target, #KEYS do
    redis.call('DEL', KEYS[i])
  end
end

-- Stale: the decision was made about an account that has changed since.
if epoch ~= expected or account[2] then
  return { 'stale' }
end
local pending
if effect == 'activate' then
  pending = redis.call('HMGET', KEYS[first_key_of_target], 'id', 'sealed', 'epoch', 'at', 'life')
  local age = now - (pending[4] or now)
  if pending[3] ~= epoch or (chosen ~= '' and pending[1] ~= chosen) then
    return { 'stale' }
  end
  if age < 0 or age >= tonumber(pending[5]) then
    return { 'stale' }
  end
elseif effect == 'deactivate' then
  if account[3] ~= 'active' or (chosen ~= '' and not enrolment(account[4], chosen)) then
    return { 'stale' }
  end
end

-- Ride: the code of a proof that is still good passes again and writes nothing, but for a deactivation, which is done.
-- A deactivation asks for one thing more. Under a ban nothing is counted, so whoever was banned may try all codes and
-- find the one that rides. An open window gains nothing by it; a factor could be taken away. So a code does not ride
-- to a deactivation if the account was banned at any moment since its proof.
local function rides(at)
  if effect == 'open' then return true end
  return effect == 'deactivate' and math.max(banned_until(KEYS[7]), short_until()) <= at
end

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

-- What the presented code is: `right` for this purpose now; else dead, where it was issued once and serves nothing any
-- more; else live for another purpose.
local function live(key)
  local stored = redis.call('GET', key)
  if not stored then return nil end
  local digest, fingerprint, made_in, at, life, id =
    string.match(stored, '^(%x+):(%x+):(%d+):(%d+):(%d+):(%x*):?%d*$')
  local age = now - at
  if age < 0 then
    -- The clock was set back. Nobody can say how old this code is, so it never serves again.
    redis.call('DEL', key)
    return nil
  end
  if made_in ~= epoch or age >= tonumber(life) then return nil end
  return digest, fingerprint, id
end

-- Each authenticator has a last step of its own.
local function right_candidate(factor)
  for _, candidate in ipairs(factor.candidates) do
    if candidate.digest == factor.digest then
      local last = redis.call('HGET', KEYS[1], factor.name .. ':step:' .. candidate.id)
      if not last or candidate.step > tonumber(last) then return candidate end
    end
  end
  return nil
end

-- What of a factor the presented code is a code of: { id, and a step where it is an authenticator's }, or nil.
local function served_by(factor)
  if factor.name == 'backup' then
    return redis.call('SISMEMBER', KEYS[8], factor.digest) == 1 and { id = '' } or nil
  end
  local digest, _, id = live(factor.codes[1])
  return right_candidate(factor) or (digest == factor.digest and { id = id }) or nil
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

-- One more wrong try at a short code, written behind the rest of it. A code that is void stays a recent one.
local function count_try(key)
  if not live(key) then return end
  local code, tried = string.match(redis.call('GET', key), '^(%x+:%x+:%d+:%d+:%d+:%x*):?(%d*)$')
  local wrong = (tonumber(tried) or 0) + 1
  if wrong >= tries then
    redis.call('DEL', key)
  else
    redis.call('SET', key, code .. ':' .. wrong, 'KEEPTTL')
  end
end

-- The ms until the oldest code of a full day has left it; 0 where there is none, or it has. Not more than a day, should
-- the clock have been set back.
local function rest_of_day(oldest)
  return oldest and math.max(math.min(oldest + day - now, day), 0) or 0
end

-- What a wrong short code brings: its tries, and the rest of a day that is full.
local function count_short()
  for _, factor in ipairs(factors) do
    count_try(factor.codes[1])
  end
  redis.call('LTRIM', wrong_today, -per_day, -1)
  local rest = rest_of_day(redis.call('LINDEX', wrong_today, -per_day))
  if rest == 0 then return 0 end
  redis.call('HSET', KEYS[7], 'short', string.format('%d', now + rest))
  local remembered = rest + tonumber(ARGV[14])
  redis.call('PEXPIRE', KEYS[7], math.max(redis.call('PTTL', KEYS[7]), remembered))
  return rest
end

local right, served
local once_issued, elsewhere = false, false
for _, factor in ipairs(factors) do
  if not right then
    served = served_by(factor)
    if served then right = factor end
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

-- Ban.
local attempts, bans, daily = KEYS[6], KEYS[7], KEYS[12]
local is_own, left = lane(KEYS[3], epoch, KEYS[5], bans, now)
if is_own then
  attempts, bans, daily = KEYS[4], KEYS[5], KEYS[11]
end
left = math.max(left, short_until() - now)
if left > 0 then
  return { 'banned', left }
end
if not right and elsewhere then
  return { 'spent' }
end

-- Count, before anything is made of the comparison: a store that cannot count stops here with an error.
redis.call('RPUSH', attempts, now)
redis.call('PEXPIRE', attempts, find_time)
redis.call('LPUSH', daily, now)
redis.call('PEXPIRE', daily, day)
if is_short then
  redis.call('RPUSH', wrong_today, now)
  redis.call('PEXPIRE', wrong_today, day)
end

-- Compare. The attempt that fills the window with a wrong code brings the ban, twice as long each time, and the one that
-- fills the day brings one for what is left of it.
if not right then
  local rest = is_short and count_short() or 0
  redis.call('LTRIM', daily, 0, most_a_day - 1)
  local ban = rest_of_day(redis.call('LINDEX', daily, most_a_day - 1))
  redis.call('LTRIM', attempts, -max_retries, -1)
  local oldest = redis.call('LINDEX', attempts, -max_retries)
  if oldest and now - oldest < find_time then
    local times = redis.call('HINCRBY', bans, 'times', 1)
    ban = math.max(ban, math.min(ban_time * 2 ^ (times - 1), ban_max))
    redis.call('DEL', attempts)
  end
  if ban > 0 then
    redis.call('HSET', bans, 'until', now + ban)
    redis.call('PEXPIRE', bans, ban + tonumber(ARGV[14]))
  end
  return { 'wrong', math.max(ban, rest) }
end

-- Consume. A right code takes back its own count, no other, and ends the doubling of bans.
redis.call('RPOP', attempts)
redis.call('LPOP', daily)
if is_short then
  redis.call('RPOP', wrong_today)
end
if redis.call('EXISTS', bans) == 1 then
  redis.call('HSET', bans, 'times', 0)
end
if served.step or right.name == 'backup' then
  if served.step then
    redis.call('HSET', KEYS[1], right.name .. ':step:' .. served.id, served.step)
  else
    redis.call('SREM', KEYS[8], right.digest)
  end
  redis.call('LPUSH', right.recent, right.fingerprint)
  redis.call('LTRIM', right.recent, 0, ARGV[15] - 1)
  redis.call('PEXPIRE', right.recent, ARGV[16])
else
  redis.call('DEL', right.codes[1])
end
-- A code that was sent to no address in particular went to the first.
local used = pending and pending[1] or served.id
if used == '' then
  used = string.match(redis.call('HGET', KEYS[1], right.name .. ':sealed') or '', '^(%x+):') or ''
end
-- A code that lets somebody in is of an address, enrolled or not, and leaves nothing behind.
if effect ~= 'enter' then
  redis.call('HSET', KEYS[1], right.name .. ':used:' .. used, now)
end

-- Effect.
if effect == 'deactivate' then
  deactivate()
elseif effect ~= 'enter' then
  if effect == 'activate' then
    local list = with(account[3] == 'active' and account[4] or nil, pending[1], pending[2])
    redis.call('HSET', KEYS[1], target, 'active', 'recorded', '1', target .. ':sealed', list)
    redis.call('HSET', KEYS[1], target .. ':added:' .. pending[1], now)
    redis.call('DEL', KEYS[first_key_of_target])
    move_epoch()
  end
  redis.call('HSET', KEYS[2], right.name, now .. ':' .. epoch .. ':' .. right.fingerprint .. ':' .. token)
  redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), keep))
end
if ARGV[12] == '1' then
  redis.call('SET', KEYS[3], epoch, 'PX', ARGV[13])
end
return { 'redeemed', right.name }
