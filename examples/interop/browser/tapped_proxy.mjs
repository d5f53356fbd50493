// A TCP relay in front of a server that logs the messages that pass, as they are on the wire.
import net from 'node:net';
import { WireLog } from '../peers/wire.mjs';

/** Relays one connection to `address` ("HOST:PORT"); returns its own address and both logs. */
export async function tappedProxy(address) {
  const [host, port] = address.split(':');
  const [sent, received] = [new WireLog(), new WireLog()];
  const relay = net.createServer((near) => {
    relay.close();
    const far = net.connect(port, host);
    for (const [from, to, log] of [[near, far, sent], [far, near, received]]) {
      let head = Buffer.alloc(0); // of the opening handshake; null after it
      from.on('data', (chunk) => {
        if (!head) return log.push(chunk);
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        log.push(head.subarray(end + 4));
        head = null;
      });
      from.on('error', () => {}).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${relay.address().port}`, sent: sent.messages, received: received.messages };
}
