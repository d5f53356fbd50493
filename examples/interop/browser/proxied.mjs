// The chat behind a reverse proxy: proxied.mjs http://PROXY:PORT
// The server allows the pages of its own host only, and learns that host from what the proxy passes on.
import { check, equal, finish } from '../peers/checks.mjs';
import { WebSocket } from '../peers/packages.mjs';
import { status } from '../peers/upgrade.mjs';
import { closeBrowser, openWindow } from './browser.mjs';

const [proxy] = process.argv.slice(2);
const { hostname, port } = new URL(proxy);

await check('the page comes through', async () => {
  const response = await fetch(proxy);
  equal(response.status, 200, 'status');
  equal((await response.text()).includes('<!doctype html>'), true, 'a page');
});
await check('the page of the proxy’s address is told 101', async () => {
  equal(await status(proxy, proxy), 101, 'status');
});
await check('pages of other origins are told 403', async () => {
  for (const origin of [`http://${hostname}`, `http://${hostname}:${Number(port) - 1}`, 'http://elsewhere.example', 'null']) {
    equal(await status(proxy, origin), 403, `status for ${origin}`);
  }
});
await check('node’s client talks with that origin', async () => {
  const ws = new WebSocket(`${proxy.replace('http', 'ws')}/ws`, { origin: proxy });
  const heard = new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('close', (code) => reject(new Error(`closed with ${code}`)));
    ws.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.type === 'here') ws.send(JSON.stringify({ type: 'say', text: 'through nginx' }));
      if (message.type === 'said') resolve(message.text);
    });
  });
  ws.on('open', () => ws.send(JSON.stringify({ type: 'join', room: 'node', name: 'Ada' })));
  equal(await heard, 'through nginx', 'text');
  ws.close();
});
await check('Chromium’s page talks', async () => {
  const page = await openWindow(`${proxy}/#room`, 'desktop', 'light');
  await page.fill('#name', 'Ada');
  await page.press('#name', 'Enter');
  await page.waitForSelector('#status[data-state=open]');
  await page.fill('#text', 'through nginx');
  await page.press('#text', 'Enter');
  await page.waitForFunction(() => [...document.querySelectorAll('#messages [data-kind=said] .text')].some((e) => e.textContent === 'through nginx'));
});
await closeBrowser();
finish();
