// The chat as three processes that share rooms by an engine, while a process and a server of the engine are killed:
//   chat_cluster.mjs PROGRAM nats|redis
// The servers are those of examples/cluster.sh.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { check, equal, finish } from '../peers/checks.mjs';
import { WebSocket } from '../peers/packages.mjs';
import { until } from '../peers/yjs.mjs';
import { closeBrowser, openWindow, picture } from './browser.mjs';

const [program, engine] = process.argv.slice(2);
const ROOM = '広場 & co';
const children = [];
process.on('exit', () => { for (const child of children) child.kill(child.spawnfile === 'bash' ? 'SIGTERM' : 'SIGKILL'); });

/** Starts a program, and keeps the lines that it prints. */
function start(...argv) {
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  child.lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => child.lines.push(line));
  return child;
}
const printed = (child, pattern) => child.lines.map((line) => pattern.exec(line)).find(Boolean);
function killed(child) {
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGKILL');
  return ended;
}

let servers, url;
const nodes = [];
async function startNode(address = '127.0.0.1:0') {
  const node = start(program, address, `--${engine}`, url);
  await until(() => printed(node, /^listening on ws:/), 'a process listens', 30);
  node.address = printed(node, /^listening on ws:\/\/(.+)$/)[1];
  return node;
}
/** The process ids of the engine's servers, by what cluster.sh calls them. */
const server = (name) => Number(printed(servers, new RegExp(`${name}.* process (\\d+)$`))[1]);

async function join(node, name, size, scheme) {
  const page = await openWindow(`http://${node.address}/#${encodeURIComponent(ROOM)}`, size, scheme);
  await page.fill('#name', name);
  await page.press('#name', 'Enter');
  await page.waitForSelector('#status[data-state=open]');
  return page;
}
const said = [];
async function say(page, text) {
  said.push(text);
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}
/** Says it again until it is shown: the engine may be away for a moment. */
async function sayInTheEnd(page, text) {
  said.push(text);
  await until(async () => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
    return sees(page, text, 1000).then(() => true, () => false);
  }, `${text} is said`, 60);
}
function sees(page, text, timeout = 10_000) {
  return page.waitForFunction((text) => [...document.querySelectorAll('#messages .text')].some((one) => one.textContent === text), text, { timeout })
    .catch(() => { throw new Error(`never seen: ${text}`); });
}
const shown = (page) => page.$$eval('#messages [data-kind=said] .text', (all) => all.map((one) => one.textContent));
async function seesMembers(page, ...names) {
  const wanted = names.sort().join('|');
  await page.waitForFunction((wanted) => [...document.querySelectorAll('#members li')].map((li) => li.dataset.name).sort().join('|') === wanted, wanted, { timeout: 45_000 })
    .catch(() => { throw new Error(`never seen as members: ${wanted}`); });
}

let pages;
await check('the script starts servers, and three processes use them', async () => {
  servers = start('bash', new URL('../../cluster.sh', import.meta.url).pathname, engine);
  await until(() => printed(servers, /^Ctrl-C ends/), 'the servers run', 60);
  url = printed(servers, new RegExp(`--${engine} (\\S+)$`))[1];
  for (let i = 0; i < 3; i++) nodes.push(await startNode());
}, 90);
await check('people at three processes are in one room', async () => {
  pages = [await join(nodes[0], 'Ada', 'desktop', 'light'), await join(nodes[1], 'Bob', 'phone', 'dark'), await join(nodes[2], 'Cyd', 'desktop', 'dark')];
  for (const page of pages) await seesMembers(page, 'Ada', 'Bob', 'Cyd');
  for (const [i, page] of pages.entries()) await say(page, `hello from process ${i + 1}`);
  for (const page of pages) for (const text of said) await sees(page, text);
});
await check('those who take one name at once, at three processes, get three', async () => {
  const names = await Promise.all(nodes.map((node) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${node.address}/ws`);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'join', room: ROOM, name: 'Eve' }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'welcome') resolve([message.name, socket]);
      if (message.type === 'error') reject(new Error(message.text));
    };
  })));
  equal(new Set(names.map(([name]) => name)).size, 3, `names among ${names.map(([name]) => name)}`);
  for (const page of pages) await seesMembers(page, 'Ada', 'Bob', 'Cyd', ...names.map(([name]) => name));
  for (const [, socket] of names) socket.close();
  for (const page of pages) await seesMembers(page, 'Ada', 'Bob', 'Cyd');
});
await check('a process is killed: the others go on, and its people are gone after a while', async () => {
  await killed(nodes[0]);
  await pages[0].waitForSelector('#status:not([data-state=open])');
  for (let i = 1; i <= 5; i++) await say(pages[1], `without process 1: ${i}`);
  await sees(pages[2], 'without process 1: 5');
  await seesMembers(pages[2], 'Bob', 'Cyd');
  await picture(pages[0], `chat-cluster-${engine}-killed`);
}, 60);
await check('it is started again: its people come back by themselves, and see what they missed', async () => {
  nodes[0] = await startNode(nodes[0].address);
  await pages[0].waitForSelector('#status[data-state=open]', { timeout: 30_000 });
  for (const page of pages) await seesMembers(page, 'Ada', 'Bob', 'Cyd');
  await sees(pages[0], 'without process 1: 5');
  equal(await pages[0].locator('#messages [data-kind=gap]').count(), 0, 'gaps');
}, 60);
await check(`a server of ${engine} is killed: after a moment people talk again`, async () => {
  process.kill(server(engine === 'nats' ? 'nats-server' : 'redis-server'), 'SIGKILL');
  await sayInTheEnd(pages[2], 'the engine was killed');
  for (const page of pages) await sees(page, 'the engine was killed', 45_000);
  for (const page of pages) await seesMembers(page, 'Ada', 'Bob', 'Cyd');
}, 120);
await check('each page shows all messages, once and in order', async () => {
  for (const page of pages) {
    const gaps = await page.locator('#messages [data-kind=gap]').count();
    // One server of three loses nothing; Redis' replica may, and says so.
    equal(engine === 'nats' && gaps > 0, false, 'gaps');
    // What was said while the engine was away may have been said by more than one attempt.
    const once = (await shown(page)).filter((text, i, all) => text !== 'the engine was killed' || text !== all[i - 1]);
    equal(once.join('|'), said.join('|'), 'shown');
  }
  await picture(pages[0], `chat-cluster-${engine}-desktop-light`);
  await picture(pages[1], `chat-cluster-${engine}-phone-dark`);
});
for (const page of pages ?? []) await check('the page raises no error', async () => equal(page.errors.join(), '', 'errors'));
await closeBrowser();
finish();
