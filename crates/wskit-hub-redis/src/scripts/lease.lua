-- Renews the lease of a node, and removes the nodes whose lease is over.
-- KEYS: the nodes. ARGV: the node, how long the lease is in ms, how to publish, what to publish before a node.
local nodes, node, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = tonumber(redis.call('ZSCORE', nodes, node) or nil)
redis.call('ZADD', nodes, now + lease, node)
redis.call('PEXPIRE', nodes, 10 * lease)
-- If this one is late or new, it may be that no node could renew its lease: the others have time until its next.
if not known or known <= now then
  return {known and 1 or 0, lease}
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now)) do
  redis.call('ZREM', nodes, gone)
  redis.call(ARGV[3], nodes, ARGV[4] .. gone)
end
-- When the next lease is over, unless it is renewed.
local first = redis.call('ZRANGE', nodes, 0, 0, 'WITHSCORES')
return {1, first[2] - now}
