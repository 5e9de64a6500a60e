-- How long a country is not written to. Changes nothing.
-- KEYS  1 codes by country
-- ARGV  1 country   2 ms of a whole stop, and not more, should the clock have been set back
-- gives the ms left of its stop, or 0

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local stopped_until = tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. ':until') or 0)
return math.max(math.min(stopped_until - now, tonumber(ARGV[2])), 0)
