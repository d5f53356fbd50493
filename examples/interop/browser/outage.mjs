// Two tabs of the chat page, node and Python in one room, through a network that fails for ten seconds:
//   outage.mjs ws://HOST:PORT PYTHON
// All four show each message once and in order, those of the time without a network too.
import { spawn } from 'node:child_process';
import { check, equal, finish } from '../peers/checks.mjs';
import { WebSocket } from '../peers/packages.mjs';
import { closeBrowser, openWindow, picture } from './browser.mjs';
import { cuttableProxy } from './cuttable_proxy.mjs';

const [base, python] = process.argv.slice(2);
const address = new URL(base).host;
const proxy = await cuttableProxy(address);
const ROOM = 'outage';
const OUTAGE = 10_000; // ms
const sent = [];
const peer = (file) => new URL(`../peers/${file}`, import.meta.url).pathname;

/** A person who stays connected, as its network is another one. */
const speaker = new WebSocket(`${base}/ws`);
function say(text) {
  sent.push(text);
  speaker.send(JSON.stringify({ type: 'say', text }));
}

/** Prints what it is told: a program that comes back with its position. */
function follower(command, file, name) {
  const child = spawn(command, [peer(file), `ws://${proxy.address}/ws`, ROOM, name, 'the end'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const heard = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    heard.push(...lines);
  });
  return { name, heard, ended: new Promise((resolve) => child.on('exit', resolve)) };
}

async function join(name, size, scheme) {
  const page = await openWindow(`http://${proxy.address}/#${ROOM}`, size, scheme);
  await page.fill('#name', name);
  await page.press('#name', 'Enter');
  await page.waitForSelector('#status[data-state=open]');
  return page;
}

/** The network is there again, which a browser tells its pages. */
function comesBack() {
  proxy.resume();
  for (const page of pages) page.evaluate(() => dispatchEvent(new Event('online')));
}

const shown = (page) => page.$$eval('#messages [data-kind=said] .text', (all) => all.map((text) => text.textContent));
const sees = (page, text) => page.waitForFunction((text) => [...document.querySelectorAll('#messages .text')].some((e) => e.textContent === text), text, { timeout: 20_000 });
const times = (follower, line) => follower.heard.filter((heard) => heard === line).length;
const hears = async (follower, line, count = 1) => { while (times(follower, line) < count) await new Promise((resolve) => setTimeout(resolve, 50)); };
let pages, followers;

await check('two tabs, node and Python join', async () => {
  await new Promise((resolve, reject) => speaker.on('open', resolve).on('error', reject));
  speaker.send(JSON.stringify({ type: 'join', room: ROOM, name: 'Sam' }));
  pages = [await join('Ada', 'desktop', 'light'), await join('Bob', 'phone', 'dark')];
  followers = [follower(process.execPath, 'node_follower.mjs', 'Nodette'), follower(python, 'py_follower.py', 'Monty')];
  for (const follower of followers) await hears(follower, 'here');
  for (let i = 1; i <= 5; i++) say(`before ${i}`);
  for (const page of pages) await sees(page, 'before 5');
  for (const follower of followers) await hears(follower, 'before 5');
});
await check('the network is gone for ten seconds', async () => {
  const before = performance.now();
  // Half of it as if packets were lost, then connections break, and no new one is made.
  proxy.stop();
  for (let i = 1; i <= 10; i++) {
    say(`meanwhile ${i}`);
    await new Promise((resolve) => setTimeout(resolve, OUTAGE / 20));
  }
  proxy.cut();
  for (let i = 11; i <= 20; i++) {
    say(`meanwhile ${i}`);
    await new Promise((resolve) => setTimeout(resolve, OUTAGE / 20));
  }
  for (const page of pages) equal(await page.locator('#messages .text', { hasText: 'meanwhile' }).count(), 0, 'messages shown');
  for (const page of pages) equal(await page.locator('#status').getAttribute('data-state') === 'open', false, 'connected');
  equal(performance.now() - before >= OUTAGE, true, 'ten seconds');
  comesBack();
});
await check('all that was said meanwhile is shown, once and in order', async () => {
  for (const page of pages) await page.waitForSelector('#status[data-state=open]');
  for (const follower of followers) await hears(follower, 'here', 2);
  for (let i = 1; i <= 5; i++) say(`after ${i}`);
  say('the end');
  for (const page of pages) {
    await sees(page, 'the end');
    equal((await shown(page)).join('|'), sent.join('|'), 'shown');
    equal(await page.locator('#messages [data-kind=gap]').count(), 0, 'gaps');
  }
  for (const { name, heard, ended } of followers) {
    equal(await ended, 0, `exit code of ${name}`);
    equal(heard.filter((line) => line !== 'here').join('|'), sent.join('|'), `heard by ${name}`);
  }
  await picture(pages[0], 'chat-outage-desktop-light');
});
await check('more was said than the room remembers: the page says so, and shows what there is', async () => {
  proxy.cut();
  proxy.stop();
  await pages[0].waitForSelector('#status:not([data-state=open])');
  for (let i = 1; i <= 60; i++) say(`much ${i}`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  comesBack();
  await sees(pages[0], 'much 60');
  const all = await shown(pages[0]);
  equal(all.join('|'), [...sent.slice(0, -60), ...sent.slice(-50)].join('|'), 'shown');
  equal(await pages[0].locator('#messages [data-kind=gap]').count(), 1, 'gaps');
});
for (const page of pages ?? []) await check('the page raises no error', async () => equal(page.errors.join(), '', 'errors'));
await closeBrowser();
finish();
