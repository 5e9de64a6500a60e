-- Keep a value for ever, unless one is kept already: all workers agree on the first.
-- KEYS  1 what it is
-- ARGV  1 the value, or '' to look only
-- gives the value that is kept, or nothing

if ARGV[1] ~= '' then
  redis.call('SETNX', KEYS[1], ARGV[1])
end
return redis.call('GET', KEYS[1])
