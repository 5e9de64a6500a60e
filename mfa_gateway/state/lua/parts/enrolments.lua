-- The enrolments of a factor are text, "ID:SEALED ID:SEALED", oldest first. IDs are hexadecimal, SEALED is base64.
local function enrolment(list, id)
  for entry, sealed in string.gmatch(list or '', '(%x+):(%S+)') do
    if entry == id then return sealed end
  end
  return nil
end

local function with(list, id, sealed)
  local entries, found = {}, false
  for entry, old in string.gmatch(list or '', '(%x+):(%S+)') do
    found = found or entry == id
    entries[#entries + 1] = entry .. ':' .. (entry == id and sealed or old)
  end
  if not found then
    entries[#entries + 1] = id .. ':' .. sealed
  end
  return table.concat(entries, ' '), #entries
end

local function without(list, id)
  local entries = {}
  for entry, sealed in string.gmatch(list or '', '(%x+):(%S+)') do
    if entry ~= id then entries[#entries + 1] = entry .. ':' .. sealed end
  end
  return table.concat(entries, ' ')
end

-- Everything that the account keeps of a factor, whatever its enrolments are called.
local function forget(account, factor)
  local beginning = factor .. ':'
  for _, name in ipairs(redis.call('HKEYS', account)) do
    if name == factor or string.sub(name, 1, #beginning) == beginning then
      redis.call('HDEL', account, name)
    end
  end
end

-- Backup codes stand in for another factor. Alone they would be one, and run out.
local function forget_backup_alone(account, backup)
  for _, value in ipairs(redis.call('HMGET', account, 'email', 'sms', 'totp', 'push')) do
    if value == 'active' then return end
  end
  forget(account, 'backup')
  redis.call('DEL', backup)
end

-- Take one enrolment away, or with id '' the factor. The last one takes the factor along.
local function take_away(account, backup, factor, id)
  local rest = id == '' and '' or without(redis.call('HGET', account, factor .. ':sealed'), id)
  if rest ~= '' then
    redis.call('HSET', account, factor .. ':sealed', rest)
    redis.call('HDEL', account, factor .. ':step:' .. id, factor .. ':used:' .. id, factor .. ':added:' .. id)
    return
  end
  forget(account, factor)
  if factor == 'backup' then
    redis.call('DEL', backup)
  end
  forget_backup_alone(account, backup)
end
