// A person in the chat on node's `ws`: node_chat.mjs URL ROOM NAME TEXT UNTIL
// Joins, says TEXT, prints what is said (`FROM: TEXT`), and leaves when another person says UNTIL.
import { WebSocket } from './packages.mjs';

const [url, room, name, text, until] = process.argv.slice(2);
const ws = new WebSocket(url);
const send = (message) => ws.send(JSON.stringify(message));

ws.on('open', () => send({ type: 'join', room, name }));
ws.on('message', (data) => {
  const message = JSON.parse(data);
  if (message.type === 'here') {
    console.log(`here: ${message.names.join(', ')}`);
    send({ type: 'say', text });
  } else if (message.type === 'said') {
    console.log(`${message.from}: ${message.text}`);
    if (message.text === until && message.from !== name) ws.close(1000, 'bye');
  }
});
ws.on('close', (code) => process.exit(code === 1000 ? 0 : 1));
ws.on('error', (error) => console.error(error.message));
setTimeout(() => process.exit(2), 30_000);
