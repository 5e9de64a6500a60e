-- Whether a device is remembered, in the account's epoch.
-- KEYS  1 account
--       2 devices of the account at one site
-- ARGV  1 digest of the device
-- gives 1 or 0

local made_in, at, life = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^(%d+):(%d+):(%d+)$')
if made_in ~= (redis.call('HGET', KEYS[1], 'epoch') or '0') then
  return 0
end
local t = redis.call('TIME')
local age = t[1] * 1000 + math.floor(t[2] / 1000) - at
-- A negative age means that the clock was set back: nobody can say how old this memory is.
return age >= 0 and age < tonumber(life) and 1 or 0
