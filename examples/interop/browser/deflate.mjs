// Compression by an echo server with Chromium, each on one connection from an empty page:
//   deflate.mjs (ws://HOST:PORT AGREED)…     with the SPEC to expect (README.md)
import http from 'node:http';
import { check, equal, finish } from '../peers/checks.mjs';
import { agreed, checkWire, equalAgreed, headerParams, readSpec, series } from '../peers/deflate.mjs';
import { closeBrowser, extensions, openWindow } from './browser.mjs';
import { tappedProxy } from './tapped_proxy.mjs';

// The browser lets a page of this machine connect to it, but not about:blank.
const blank = http.createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html>'));
await new Promise((resolve) => blank.listen(0, '127.0.0.1', resolve));
const page = await openWindow(`http://127.0.0.1:${blank.address().port}/`, 'desktop', 'light');
const cells = process.argv.slice(2);
while (cells.length) {
  const [url, expected] = cells.splice(0, 2);
  const spec = readSpec(expected);
  const title = (name) => `${expected}: ${name}`;
  const tap = await tappedProxy(new URL(url).host);
  let open = false;
  await check(title('agreed'), async () => {
    await page.evaluate((url) => new Promise((resolve, reject) => {
      const ws = new WebSocket(url);
      ws.binaryType = 'arraybuffer';
      ws.onopen = resolve;
      ws.onerror = () => reject(new Error('no connection'));
    }), `ws://${tap.address}/`);
    equalAgreed(agreed(headerParams(await extensions(page))), spec, 'extensions');
    open = true;
  });
  if (!open) continue;
  // A page cannot cut a message into frames.
  const steps = series(spec).map(([name, messages]) => [name, messages.map(({ frames, ...message }) => message)]);
  for (const [name, messages] of steps) {
    await check(title(name), async () => equal(await page.evaluate(echo, messages.map(forPage)), '', 'differences'));
  }
  await check(title('on the wire'), async () => {
    checkWire(spec, steps, { log: tap.sent, role: 'client', choosy: true }, { log: tap.received, role: 'server' });
  });
  await check(title('closed'), async () => {
    equal(await page.evaluate(() => new Promise((resolve) => {
      const ws = window.sockets.at(-1);
      ws.onclose = ({ code, wasClean }) => resolve(`${code} ${wasClean}`);
      ws.close(1000);
    })), '1000 true', 'close');
  });
}
await closeBrowser();
finish();

function forPage({ data, echo = data, binary = false }) {
  const encoded = (bytes) => bytes.toString(binary ? 'base64' : 'utf8');
  return { sent: encoded(data), wanted: encoded(echo), binary };
}

/** In the page: sends the messages and compares what comes back, all of it; returns what differs. */
function echo(messages) {
  const ws = window.sockets.at(-1);
  const decode = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Promise((resolve) => {
    let at = 0;
    const differs = (reason) => resolve(`message ${at} of ${messages.length}: ${reason}`);
    ws.onclose = ({ code, reason }) => differs(`closed with ${code} ${reason}`);
    ws.onmessage = ({ data }) => {
      const { wanted, binary } = messages[at];
      if (binary !== (typeof data !== 'string')) return differs(typeof data);
      if (binary) {
        const [got, expected] = [new Uint8Array(data), decode(wanted)];
        if (got.length !== expected.length || got.some((byte, i) => byte !== expected[i])) return differs(`${got.length} other bytes`);
      } else if (data !== wanted) return differs(`another text of ${data.length}`);
      at++;
      if (at === messages.length) resolve('');
    };
    for (const { sent, binary } of messages) ws.send(binary ? decode(sent) : sent);
  });
}
