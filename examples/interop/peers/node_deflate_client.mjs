// Checks compression by an echo server with the client of node's `ws`, each on one connection:
//   node_deflate_client.mjs (URL OFFER AGREED)…
// OFFER is the SPEC to ask for, AGREED the one to expect (README.md).
import { WebSocket } from './packages.mjs';
import { check, equal, finish } from './checks.mjs';
import { agreed, checkWire, equalAgreed, headerParams, readSpec, series, wsOptions } from './deflate.mjs';
import { sha256 } from './payloads.mjs';
import { watch } from './wire.mjs';

async function connect(url, offer) {
  const ws = new WebSocket(url, { perMessageDeflate: wsOptions(offer), maxPayload: 64 << 20 });
  const arrived = [], waiting = [];
  let ended = null;
  ws.on('message', (data, binary) => {
    if (waiting.length) waiting.shift()[0]([data, binary]);
    else arrived.push([data, binary]);
  });
  ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => {
    ended = new Error(`closed with ${code} ${reason} ${ws.error ?? ''}`);
    for (const [, reject] of waiting.splice(0)) reject(ended);
    resolve(code);
  }));
  ws.nextMessage = () => arrived.length ? Promise.resolve(arrived.shift())
    : ended ? Promise.reject(ended)
    : new Promise((...both) => waiting.push(both));
  ws.on('upgrade', (response) => { ws.answer = response.headers['sec-websocket-extensions']; });
  await new Promise((resolve, reject) => ws.once('error', reject).once('open', () => {
    ws.log = watch(ws._socket);
    resolve();
  }));
  ws.on('error', (error) => { ws.error = error.message; }); // a `close` follows
  return ws;
}

function send(ws, { data, binary = false, frames }, threshold) {
  let at = 0;
  for (const size of frames ?? []) ws.send(data.subarray(at, at += size), { binary, fin: false, compress: true });
  if (frames) ws.ping(); // between two frames
  ws.send(data.subarray(at), { binary, fin: true, compress: data.length >= threshold || Boolean(frames) });
}

const cells = process.argv.slice(2);
while (cells.length) {
  const [url, offered, expected] = cells.splice(0, 3);
  const [offer, spec] = [readSpec(offered), readSpec(expected)];
  const title = (name) => `${expected}: ${name}`;
  let ws;
  await check(title('agreed'), async () => {
    ws = await connect(url, offer);
    equalAgreed(agreed({ client_max_window_bits: offer.client_bits, ...headerParams(ws.answer) }), spec, 'the answer');
  });
  if (!ws) continue;
  const steps = series(spec);
  for (const [name, messages] of steps) {
    await check(title(name), async () => {
      for (const message of messages) send(ws, message, spec.threshold);
      for (const { data, echo = data, binary = false } of messages) {
        const [got, isBinary] = await ws.nextMessage();
        equal(isBinary, binary, 'binary');
        equal(got.length, echo.length, 'length');
        equal(sha256(got), sha256(echo), 'SHA-256');
      }
    });
  }
  await check(title('on the wire'), async () => {
    checkWire(spec, steps, { log: ws.log.sent, role: 'client' }, { log: ws.log.received, role: 'server' });
  });
  await check(title('closed'), async () => {
    ws.close(1000);
    equal(await ws.closed, 1000, 'code');
  });
}
finish();
