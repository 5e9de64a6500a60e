-- Begin a new epoch of an account, and tell whoever holds something open in its name.
local function begin_epoch(account)
  local epoch = redis.call('HINCRBY', account, 'epoch', 1)
  -- Nothing may fail any more. Those who listen look again by themselves where this user may not publish.
  redis.pcall('PUBLISH', 'mfa:revocations', account)
  return epoch
end

