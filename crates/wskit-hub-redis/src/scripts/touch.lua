-- A topic is in use: its keys live on.
-- KEYS: meta, log, ids, members. ARGV: how long, in ms.
local keep = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  -- A log that is kept for a shorter time ends by itself.
  local is_short = (i == 2 or i == 3) and redis.call('HGET', KEYS[1], 'within') ~= '0'
  local left = redis.call('PTTL', key)
  if left >= 0 and left < keep and not is_short then
    redis.call('PEXPIRE', key, keep)
  end
end
return 0
