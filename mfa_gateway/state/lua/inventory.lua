-- What an account can prove with, one by one. Changes nothing.
-- KEYS  1 account
--       2 the set of backup codes
--       3.. what is pending of each factor
-- ARGV  factors that have enrolments
-- gives { backup codes left, or -1 for no set,
--         { the list of a factor, or '', { id, ms since 1970 when added or '', ms when last used or '', ... },
--           what is pending as a list of one, or '', ms that it still is }, ... }

-- include: pending
local left = redis.call('HGET', KEYS[1], 'backup') == 'active' and redis.call('SCARD', KEYS[2]) or -1
local found = { left }
for i, factor in ipairs(ARGV) do
  local account = redis.call('HMGET', KEYS[1], factor, factor .. ':sealed')
  local list = account[1] == 'active' and account[2] or ''
  local times = {}
  for id in string.gmatch(list, '(%x+):%S+') do
    local known = redis.call('HMGET', KEYS[1], factor .. ':added:' .. id, factor .. ':used:' .. id)
    times[#times + 1] = id
    times[#times + 1] = known[1] or ''
    times[#times + 1] = known[2] or ''
  end
  local waits = pending(KEYS[1], KEYS[i + 2])
  found[#found + 1] = { list, times, waits and waits.id .. ':' .. waits.sealed or '', waits and waits.left or 0 }
end
return found
