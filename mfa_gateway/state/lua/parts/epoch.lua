-- Begin a new epoch of an account, and tell whoever holds something open in its name.
local function begin_epoch(account)
  local epoch = redis.call('HINCRBY', account, 'epoch', 1)
  -- Nothing may fail any more. Those who listen look again by themselves where this user may not publish.
  redis.pcall('PUBLISH', 'mfa:revocations', account)
  return epoch
end

-- The same, but for a session of the gateway's own: that in which it was done lives on.
local function begin_epoch_within(account, opened)
  local before = redis.call('HGET', account, 'epoch') or '0'
  local epoch = begin_epoch(account)
  if redis.call('HGET', opened, 'epoch') == before then
    redis.call('HSET', opened, 'epoch', epoch)
  end
  return epoch
end

