-- What is pending of a factor, where it still is: in this epoch, and for no longer than it may.
local function pending(account, key)
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local found = redis.call('HMGET', key, 'id', 'sealed', 'epoch', 'at', 'life')
  if found[3] ~= (redis.call('HGET', account, 'epoch') or '0') then
    return nil
  end
  local age = now - found[4]
  if age < 0 or age >= tonumber(found[5]) then
    return nil
  end
  return { id = found[1], sealed = found[2], left = tonumber(found[5]) - age }
end
