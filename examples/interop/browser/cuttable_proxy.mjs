// A TCP relay in front of a server, whose connections can be cut as a bad network would.
import net from 'node:net';

/** Relays to `address` ("HOST:PORT"); returns its own address and `cut`. */
export async function cuttableProxy(address) {
  const [host, port] = address.split(':');
  const sockets = new Set();
  const relay = net.createServer((near) => {
    const far = net.connect(port, host);
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.on('error', () => {}).on('close', () => { sockets.delete(from); to.destroy(); });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${relay.address().port}`, cut: () => sockets.forEach((socket) => socket.resetAndDestroy()) };
}
