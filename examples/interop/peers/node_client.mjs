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
    let ended = null;
    ws.on('close', (code) => {
      ended = new Error(`closed with ${code} instead of a ${event}`);
      for (const [, reject] of waiting.splice(0)) reject(ended);
    });
    return () => arrived.length ? Promise.resolve(arrived.shift())
      : ended ? Promise.reject(ended)
      : new Promise((...both) => waiting.push(both));
  };
  ws.nextMessage = queue('message');
  ws.nextPong = queue('pong');
  ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })));
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
  ws.on('error', () => {}); // a `close` follows
  return ws;
}

/** A check on a connection of its own, so that one failure does not spoil the next check. */
function checkOn(protocols, options, name, body) {
  return check(name, async () => {
    const ws = await connect(protocols, options);
    try {
      await body(ws);
    } finally {
      ws.close();
    }
    await ws.closed;
  });
}
const checkEcho = (name, body) => checkOn([], {}, name, body);

async function expectEcho(ws, sent, binary) {
  const [got, isBinary] = await ws.nextMessage();
  equal(isBinary, binary, 'binary');
  equal(got.length, sent.length, 'length');
  equal(sha256(got), sha256(sent), 'SHA-256');
}

/** Sends `bytes` cut into frames of the given sizes, the last taking the rest; `between` runs after each but the last. */
function sendFrames(ws, bytes, sizes, binary, between = () => {}) {
  let at = 0;
  for (const [i, size] of sizes.entries()) {
    const fin = i === sizes.length - 1;
    ws.send(bytes.subarray(at, fin ? undefined : at + size), { binary, fin });
    if (!fin) between();
    at += size;
  }
}

for (const [name, bytes, binary] of payloads()) {
  await checkEcho(name, async (ws) => {
    ws.send(bytes, { binary });
    await expectEcho(ws, bytes, binary);
  });
}

await checkEcho('text in frames cut within characters', async (ws) => {
  const bytes = Buffer.from(SCRIPTS);
  sendFrames(ws, bytes, Array(bytes.length).fill(1), false);
  await expectEcho(ws, bytes, false);
});
await checkEcho('binary in frames, some empty', async (ws) => {
  const bytes = noise(200_000);
  sendFrames(ws, bytes, [0, 1, 125, 126, 0, 65535, 65536, 0], true);
  await expectEcho(ws, bytes, true);
});
await checkEcho('pings between the frames of a message', async (ws) => {
  const bytes = letters(3000);
  sendFrames(ws, bytes, [1000, 1000, 1000], false, () => ws.ping('within'));
  for (let i = 0; i < 2; i++) equal(String((await ws.nextPong())[0]), 'within', 'pong');
  await expectEcho(ws, bytes, false);
});
await checkEcho('ping of 0 bytes', async (ws) => {
  ws.ping();
  equal((await ws.nextPong())[0].length, 0, 'pong');
});
await checkEcho('ping of 125 bytes', async (ws) => {
  ws.ping(noise(125));
  equal(sha256((await ws.nextPong())[0]), sha256(noise(125)), 'pong');
});
await checkEcho('1000 messages come back in order', async (ws) => {
  for (let i = 0; i < 1000; i++) ws.send(`message ${i}`);
  for (let i = 0; i < 1000; i++) equal(String((await ws.nextMessage())[0]), `message ${i}`, 'message');
});
await checkEcho('client closes with 4000', async (ws) => {
  ws.close(4000, 'bye');
  const { code, reason } = await ws.closed;
  equal(code, 4000, 'code');
  equal(reason, 'bye', 'reason');
});
await checkEcho('client closes without a code', async (ws) => {
  ws.close();
  equal((await ws.closed).code, 1005, 'code');
});
await checkEcho('server closes with 4002', async (ws) => {
  ws.send('close me');
  const { code, reason } = await ws.closed;
  equal(code, 4002, 'code');
  equal(reason, 'as you wish', 'reason');
});
await checkOn(['chat', 'echo'], {}, 'server takes the sub-protocol echo', async (ws) => {
  equal(ws.protocol, 'echo', 'sub-protocol');
});
await checkEcho('server takes no sub-protocol when none is offered', async (ws) => {
  equal(ws.protocol, '', 'sub-protocol');
});
await checkOn([], { perMessageDeflate: true }, 'server declines permessage-deflate', async (ws) => {
  equal(ws.extensions, '', 'extensions');
  const bytes = Buffer.alloc(100_000, 'a');
  ws.send(bytes, { binary: false });
  await expectEcho(ws, bytes, false);
});
finish();
