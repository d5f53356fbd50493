// More clients than an echo server has file descriptors for: node_many.mjs URL CLIENTS LOG
// LOG is what the server writes to its standard error; there it says that it is out of descriptors.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, equal, finish } from './checks.mjs';
import { WebSocket } from './packages.mjs';

const [url, clients, log] = process.argv.slice(2);

/** A client that is let in some time. Its errors show as a connection that never opens, or closes. */
function client() {
  const ws = new WebSocket(url);
  ws.opened = new Promise((resolve, reject) => ws.on('open', resolve).on('close', (code) => reject(new Error(`closed with ${code}`))));
  ws.opened.catch(() => {});
  ws.on('error', () => {});
  return ws;
}

async function echo(ws, text) {
  ws.send(text);
  equal(String((await once(ws, 'message'))[0]), text, 'echo');
}

const all = Array.from({ length: Number(clients) }, client);
await check('the server runs out of descriptors', async () => {
  while (!readFileSync(log, 'utf8').includes('Too many open files')) await sleep(50);
  const open = all.filter((ws) => ws.readyState === WebSocket.OPEN).length;
  if (open === all.length) throw new Error('all clients are served');
});
await check('those that it serves are served on', async () => {
  await Promise.any(all.map((ws) => ws.opened));
  const open = all.filter((ws) => ws.readyState === WebSocket.OPEN);
  for (const [i, ws] of open.entries()) await echo(ws, `still ${i}`);
});
await check('those that wait get in as others go', async () => {
  await Promise.all(all.map(async (ws) => {
    await ws.opened;
    await echo(ws, 'my turn');
    ws.close();
    await once(ws, 'close');
  }));
});
await check('a new client is served', async () => {
  const ws = client();
  await ws.opened;
  await echo(ws, 'after all that');
  ws.close();
});
finish();
