// A page of another origin and the chat's server: origin.mjs ws://HOST:PORT http://PAGE:PORT refused|accepted
// The page is the chat's own, from another port; its WebSocket goes to the chat server.
import { check, equal, finish } from '../peers/checks.mjs';
import { status } from '../peers/upgrade.mjs';
import { closeBrowser, openWindow, picture } from './browser.mjs';

const [server, origin, expected] = process.argv.slice(2);
const address = new URL(server).host;

async function join(url, elsewhere) {
  const page = await openWindow(`${url}/#room`, 'desktop', 'light', elsewhere);
  await page.fill('#name', 'Ada');
  await page.press('#name', 'Enter');
  return page;
}

const seen = (page) => page.evaluate(() => {
  const ws = window.sockets[0];
  return `${new URL(ws.url).host} from ${window.origin}`;
});

if (expected === 'refused') {
  await check('the page of another origin is told 403', async () => {
    equal(await status(server, origin), 403, 'status');
    equal(await status(server, 'null'), 403, 'status for a sandboxed frame');
  });
  await check('it shows that it cannot connect, and tries again', async () => {
    const page = await join(origin, address);
    await page.waitForSelector('#status[data-state=waiting]');
    equal(await seen(page), `${address} from ${origin}`, 'connection');
    await page.waitForSelector('#notice:not([hidden])');
    equal(await page.evaluate(() => window.sockets.some((ws) => ws.readyState === WebSocket.OPEN)), false, 'an open connection');
    equal(await page.locator('#messages [data-kind]').count(), 0, 'messages');
    await picture(page, 'chat-origin-refused');
  });
  await check('the server’s own page is let in', async () => {
    const page = await join(server.replace(/^ws/, 'http'));
    await page.waitForSelector('#status[data-state=open]');
  });
} else {
  await check('the page of another origin is told 101', async () => {
    equal(await status(server, origin), 101, 'status');
  });
  await check('it talks', async () => {
    const page = await join(origin, address);
    await page.waitForSelector('#status[data-state=open]');
    equal(await seen(page), `${address} from ${origin}`, 'connection');
    await page.fill('#text', 'from elsewhere');
    await page.press('#text', 'Enter');
    await page.waitForFunction(() => [...document.querySelectorAll('#messages [data-kind=said] .text')].some((e) => e.textContent === 'from elsewhere'));
    await picture(page, 'chat-origin-accepted');
  });
  await check('an origin that is not named is told 403, the server’s own too', async () => {
    equal(await status(server, 'http://127.0.0.1:1'), 403, 'status for a stranger');
    equal(await status(server, server.replace(/^ws/, 'http')), 403, 'status for its own page');
  });
}
await closeBrowser();
finish();
