-- The bans of a budget are a hash: `until` for every code, `short` for those that are short, in ms since 1970.
local function banned_until(bans)
  return tonumber(redis.call('HGET', bans, 'until') or 0)
end

local function short_banned_until(bans)
  return tonumber(redis.call('HGET', bans, 'short') or 0)
end

-- Whether attempts are counted in the session's own lane, and how many ms none is compared there. A session that proved
-- a factor has attempts of its own when those of the account are spent, so that nobody who merely holds a token can lock
-- the owner out.
local function lane(known, epoch, own_bans, bans, now)
  local left = math.max(banned_until(bans) - now, 0)
  if left == 0 or redis.call('GET', known) ~= epoch then
    return false, left
  end
  local own = math.max(banned_until(own_bans) - now, 0)
  return true, math.min(left, own)
end
