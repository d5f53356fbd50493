// Checks an echo server with the client of node's `ws`: node_client.mjs URL [--ca PEM]
import { readFileSync } from 'node:fs';
import { WebSocket } from './packages.mjs';
import { check, equal, finish } from './checks.mjs';
import { SCRIPTS, letters, noise, payloads, sha256 } from './payloads.mjs';

const [url, flag, pem] = process.argv.slice(2);
const ca = flag === '--ca' ? readFileSync(pem) : undefined;

/** An open connection whose messages and pongs can be awaited in the order of arrival. */
async function connect(protocols = [], options = {}) {
  const ws = new WebSocket(url, protocols, { ca, perMessageDeflate: false, maxPayload: 64 << 20, ...options });
  const queue = (event) => {
    const arrived = [], waiting = [];
    ws.on(event, (...args) => (waiting.shift()?.[0] ?? ((a) => arrived.push(a)))(args));
    ws.on('close', (code) => { for (const [, reject] of waiting.splice(0)) reject(new Error(`closed with ${code} instead of a ${event}`)); });
    return () => arrived.length ? Promise.resolve(arrived.shift()) : new Promise((...both) => waiting.push(both));
  };
  ws.nextMessage = queue('message');
  ws.nextPong = queue('pong');
  ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
  ws.on('error', () => {}); // a `close` follows
  return ws;
}

async function expectEcho(ws, sent, binary) {
  const [got, isBinary] = await ws.nextMessage();
  equal(isBinary, binary, 'binary');
  equal(got.length, sent.length, 'length');
  equal(sha256(got), sha256(sent), 'SHA-256');
}

/** Sends `bytes` cut into frames of the given sizes; `between` runs after each frame but the last. */
function sendFrames(ws, bytes, sizes, binary, between = () => {}) {
  let at = 0;
  for (const [i, size] of sizes.entries()) {
    const fin = i === sizes.length - 1;
    ws.send(bytes.subarray(at, fin ? undefined : at + size), { binary, fin });
    if (!fin) between();
    at += size;
  }
}

const ws = await connect();
for (const [name, bytes, binary] of payloads()) {
  await check(name, async () => {
    ws.send(bytes, { binary });
    await expectEcho(ws, bytes, binary);
  });
}

await check('text in frames cut within characters', async () => {
  const bytes = Buffer.from(SCRIPTS);
  sendFrames(ws, bytes, Array(bytes.length).fill(1), false);
  await expectEcho(ws, bytes, false);
});
await check('binary in frames, some empty', async () => {
  const bytes = noise(200_000);
  sendFrames(ws, bytes, [0, 1, 125, 126, 0, 65535, 65536, 0], true);
  await expectEcho(ws, bytes, true);
});
await check('pings between the frames of a message', async () => {
  const bytes = letters(3000);
  sendFrames(ws, bytes, [1000, 1000, 1000], false, () => ws.ping('within'));
  for (let i = 0; i < 2; i++) equal(String((await ws.nextPong())[0]), 'within', 'pong');
  await expectEcho(ws, bytes, false);
});
await check('ping of 0 bytes', async () => {
  ws.ping();
  equal((await ws.nextPong())[0].length, 0, 'pong');
});
await check('ping of 125 bytes', async () => {
  ws.ping(noise(125));
  equal(sha256((await ws.nextPong())[0]), sha256(noise(125)), 'pong');
});
await check('1000 messages come back in order', async () => {
  for (let i = 0; i < 1000; i++) ws.send(`message ${i}`);
  for (let i = 0; i < 1000; i++) equal(String((await ws.nextMessage())[0]), `message ${i}`, 'message');
});
await check('client closes with 4000', async () => {
  ws.close(4000, 'bye');
  const { code, reason } = await ws.closed;
  equal(code, 4000, 'code');
  equal(reason, 'bye', 'reason');
});
await check('client closes without a code', async () => {
  const ws = await connect();
  ws.close();
  equal((await ws.closed).code, 1005, 'code');
});
await check('server closes with 4002', async () => {
  const ws = await connect();
  ws.send('close me');
  const { code, reason } = await ws.closed;
  equal(code, 4002, 'code');
  equal(reason, 'as you wish', 'reason');
});
await check('server takes the sub-protocol echo', async () => {
  const ws = await connect(['chat', 'echo']);
  equal(ws.protocol, 'echo', 'sub-protocol');
  ws.close();
  await ws.closed;
});
await check('server takes no sub-protocol when none is offered', async () => {
  const ws = await connect();
  equal(ws.protocol, '', 'sub-protocol');
  ws.close();
  await ws.closed;
});
await check('server declines permessage-deflate', async () => {
  const ws = await connect([], { perMessageDeflate: true });
  equal(ws.extensions, '', 'extensions');
  const bytes = Buffer.alloc(100_000, 'a');
  ws.send(bytes, { binary: false });
  await expectEcho(ws, bytes, false);
  ws.close();
  await ws.closed;
});
finish();
