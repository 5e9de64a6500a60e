-- Bring an account to what an operator wants of it, all or nothing, unless it has changed since it was read.
-- KEYS  1 account
--       2 the set of backup codes
--       3.. the login ids that it is to own, then those that it gives up, then what becomes worthless
-- ARGV  1 the account's tag   2 number of login ids to own   3 number of those to give up   4 '1' for a new epoch
--       5.. the sealed owner for each login id to own
--       then the number of fields that were read, with name and value of each, '' for none
--       then the number of fields to write, with name and value of each
--       then the number of fields to remove, with their names
--       then the number of factors to make active, with name, the enrolment's id and the enrolment, sealed, of each
--       then the number of factors to remove, with their names
-- gives { 'kept' } | { 'stale' } | { 'taken', which of the login ids to own is somebody else's, ... }

-- include: epoch
-- include: enrolments
local tag, owned, given_up = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local first_owned, first_given_up, first_worthless = 3, 3 + owned, 3 + owned + given_up
local next_arg = 5
local function take()
  next_arg = next_arg + 1
  return ARGV[next_arg - 1]
end

local owners = {}
for i = 1, owned do
  owners[i] = take()
end
for _ = 1, tonumber(take()) do
  local field, value = take(), take()
  if (redis.call('HGET', KEYS[1], field) or '') ~= value then
    return { 'stale' }
  end
end

-- A login id says whose it is: the account's tag, a colon, and the sealed subject.
local function owner_of(key)
  local value = redis.call('GET', key)
  return value and string.sub(value, 1, #tag)
end

local taken = { 'taken' }
for i = 1, owned do
  local owner = owner_of(KEYS[first_owned + i - 1])
  if owner and owner ~= tag then
    taken[#taken + 1] = i
  end
end
if #taken > 1 then
  return taken
end

for i = 1, owned do
  redis.call('SET', KEYS[first_owned + i - 1], tag .. ':' .. owners[i], 'NX')
end
for i = first_given_up, first_worthless - 1 do
  if owner_of(KEYS[i]) == tag then
    redis.call('DEL', KEYS[i])
  end
end
for i = first_worthless, #KEYS do
  redis.call('DEL', KEYS[i])
end
for _ = 1, tonumber(take()) do
  local field, value = take(), take()
  redis.call('HSET', KEYS[1], field, value)
end
for _ = 1, tonumber(take()) do
  redis.call('HDEL', KEYS[1], take())
end

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _ = 1, tonumber(take()) do
  local factor, id, sealed = take(), take(), take()
  forget(KEYS[1], factor)
  local added = factor .. ':added:' .. id
  redis.call('HSET', KEYS[1], factor, 'active', factor .. ':sealed', id .. ':' .. sealed, added, now)
end
for _ = 1, tonumber(take()) do
  take_away(KEYS[1], KEYS[2], take(), '')
end
if ARGV[4] == '1' then
  begin_epoch(KEYS[1])
end
return { 'kept' }
