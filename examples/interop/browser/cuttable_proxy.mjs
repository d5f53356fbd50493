// A TCP relay in front of a server, whose connections can be cut as a bad network would.
import net from 'node:net';

/**
 * Relays to `address` ("HOST:PORT"); returns its own address, `cut`, which breaks all connections, `stop`, from
 * which on nothing passes and new connections break, and `resume`, which ends that for what comes then.
 */
export async function cuttableProxy(address) {
  const [host, port] = address.split(':');
  const sockets = new Set();
  let stopped = false;
  const relay = net.createServer((near) => {
    if (stopped) return near.resetAndDestroy();
    const far = net.connect(port, host);
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.on('error', () => {}).on('close', () => { sockets.delete(from); to.destroy(); });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${relay.address().port}`,
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    stop: () => { stopped = true; sockets.forEach((socket) => socket.unpipe().pause()); },
    resume: () => { stopped = false; },
  };
}
