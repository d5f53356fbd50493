-- Returns the messages of a topic after an offset, newest first.
-- KEYS: meta, log, ids.
-- ARGV: the epoch of that offset, the offset, how many messages, how many bytes, how long the meta data lives, a
-- new epoch.
local meta, log = KEYS[1], KEYS[2]
-- It changes nothing, but is a write: a primary that has become a replica must not be read from. Other reasons not
-- to write do not matter.
local written = redis.pcall('HDEL', meta, '')
if type(written) == 'table' and string.find(written.err, 'READONLY', 1, true) then
  return redis.error_reply('READONLY it is a replica')
end
local known = redis.call('HMGET', meta, 'epoch', 'top', 'within')
local epoch, top = known[1], tonumber(known[2] or nil)
if not epoch or not top then
  -- It has an epoch from now on, so that those who listen know it before the first message.
  redis.call('DEL', log, KEYS[3])
  epoch, top = ARGV[6], 0
  redis.call('HSET', meta, 'epoch', epoch, 'top', 0, 'within', 0)
  redis.call('PEXPIRE', meta, ARGV[5])
end
local after = 0
if epoch == ARGV[1] then
  after = tonumber(ARGV[2])
end
local wanted = math.min(tonumber(ARGV[3]), top - after)
local most = tonumber(ARGV[4])
local messages, bytes = {}, 0
local kind = redis.call('TYPE', log)['ok']
while #messages < wanted and bytes < most do
  local have = #messages
  local count = math.min(64, wanted - have)
  if kind == 'stream' then
    local part = redis.call('XREVRANGE', log, string.format('%.0f-0', top - have), '-', 'COUNT', count)
    for _, entry in ipairs(part) do
      -- What is before one that was removed is not all.
      if entry[1] ~= string.format('%.0f-0', top - #messages) then
        break
      end
      messages[#messages + 1] = entry[2][2]
      bytes = bytes + #entry[2][2]
    end
  else
    local part = redis.call('LRANGE', log, -have - count, -have - 1)
    for i = #part, 1, -1 do
      messages[#messages + 1] = part[i]
      bytes = bytes + #part[i]
    end
  end
  if #messages - have < count then
    break
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {epoch, top, tonumber(known[3] or 0), now, messages}
