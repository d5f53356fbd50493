-- Appends a message to the history of a topic, and passes it on.
-- KEYS: meta, log, ids, channel, what is known of the id for a while.
-- ARGV: the message, its id, how many to keep, for how long in ms (0: as long as the rest), how long the log
-- lives, how long the meta data lives, a new epoch, how to publish, the salt of who publishes.
local meta, log, ids, channel, named = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local message, id, most, within = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local known = redis.call('HMGET', meta, 'epoch', 'top', 'within')
local epoch, top = known[1], tonumber(known[2] or nil)
if not epoch or not top then
  -- New, expired, evicted or flushed: what is left of it is of no use.
  redis.call('DEL', log, ids)
  epoch, top = ARGV[7], 0
  redis.call('HSET', meta, 'epoch', epoch, 'top', 0, 'within', within)
elseif #epoch ~= 8 or not string.find(known[2], '^%d+$') or top > 2 ^ 53 then
  return redis.error_reply('WRONGTYPE of the position of a topic')
elseif known[3] ~= within then
  redis.call('HSET', meta, 'within', within)
end
-- What is there stays what it is, also if the rules keep more or fewer messages now.
local kind = redis.call('TYPE', log)['ok']
if kind == 'none' then
  kind = most <= 64 and 'list' or 'stream'
end
if id ~= '' then
  local at = tonumber(redis.call('ZSCORE', ids, id) or nil)
  if at and at <= top - redis.call(kind == 'list' and 'LLEN' or 'XLEN', log) then
    at = nil
  end
  -- The history may have dropped it before its hub, which had no answer, asks again.
  local known = not at and redis.call('GET', named)
  if known and #known == 16 and known:sub(1, 8) == epoch then
    at = struct.unpack('>I8', known, 9)
  end
  if at then
    -- A write, so that WAIT has something to wait for.
    redis.call('PEXPIRE', meta, ARGV[6])
    return {epoch, at}
  end
end
top = redis.call('HINCRBY', meta, 'top', 1)
local time = redis.call('TIME')
local stored = struct.pack('>I8', time[1] * 1000 + math.floor(time[2] / 1000)) .. message
if kind == 'list' then
  redis.call('RPUSH', log, stored)
  redis.call('LTRIM', log, -most, -1)
else
  redis.call('XADD', log, 'MAXLEN', '=', most, string.format('%.0f-0', top), 'm', stored)
end
if id ~= '' then
  redis.call('ZADD', ids, top, id)
  redis.call('ZREMRANGEBYSCORE', ids, '-inf', top - most)
  -- Longer than any hub asks again: the longest deadline is 9 s, and a server may stand still in between.
  redis.call('SET', named, epoch .. struct.pack('>I8', top), 'PX', 30000)
end
redis.call('PEXPIRE', log, ARGV[5])
redis.call('PEXPIRE', ids, ARGV[5])
redis.call('PEXPIRE', meta, ARGV[6])
redis.call(ARGV[8], channel, 'M' .. ARGV[9] .. epoch .. struct.pack('>I8', top) .. message)
return {epoch, top}
