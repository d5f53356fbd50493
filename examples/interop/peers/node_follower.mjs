// Follows a chat room on node's `ws`, through cuts of the network: node_follower.mjs URL ROOM NAME UNTIL
// Prints `here` each time it is in, and the texts that are said, up to UNTIL. It comes back after what it has seen.
import { WebSocket } from './packages.mjs';

const [url, room, name, until] = process.argv.slice(2);
let after; // the position of the last message

function connect() {
  const ws = new WebSocket(url, { handshakeTimeout: 1000 });
  ws.on('open', () => ws.send(JSON.stringify({ type: 'join', room, name, key: `key of ${name}`, after })));
  ws.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.type === 'here') console.log('here');
    if (message.type === 'gap') process.exit(3);
    if (message.type !== 'said') return;
    after = message.position;
    console.log(message.text);
    if (message.text === until) process.exit(0);
  });
  ws.on('close', () => setTimeout(connect, 500));
  ws.on('error', () => {});
}

connect();
setTimeout(() => process.exit(2), 60_000);
