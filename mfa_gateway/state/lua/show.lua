-- What an operator may know of an account.
-- KEYS  1 account
--       2.. attempts and bans of each budget
-- ARGV  fields of the account to read
-- gives { { field values }, { attempts counted, ms left of the ban, bans without a success, ... for each budget } }

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local budgets = {}
for i = 2, #KEYS, 2 do
  local bans = redis.call('HMGET', KEYS[i + 1], 'until', 'times', 'short')
  budgets[#budgets + 1] = redis.call('LLEN', KEYS[i])
  budgets[#budgets + 1] = math.max((bans[1] or now) - now, (bans[3] or now) - now, 0)
  budgets[#budgets + 1] = tonumber(bans[2]) or 0
end
return { redis.call('HMGET', KEYS[1], unpack(ARGV)), budgets }
