// The page of `together` in Chromium, with clients of y-websocket in the same room, while the server is killed:
//   together.mjs PROGRAM
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { check, equal, finish } from '../peers/checks.mjs';
import { Y, join, until } from '../peers/yjs.mjs';
import { closeBrowser, openWindow, picture } from './browser.mjs';

const [program] = process.argv.slice(2);
const folder = mkdtempSync(`${tmpdir()}/together-`);
const ROOM = '庭 & garden';
let server, address = '127.0.0.1:0';

/** Starts the server, the second time where the first was. */
async function start() {
  server = spawn(program, [address, `--rooms=${folder}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  server.stdout.on('data', (data) => { said += data; });
  await until(() => /^listening on ws:\/\/.+\n/m.test(said), 'the server listens');
  address = /^listening on ws:\/\/(.+)$/m.exec(said)[1];
}
async function kill() {
  const ended = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGKILL');
  await ended;
}
process.on('exit', () => { server?.kill('SIGKILL'); rmSync(folder, { recursive: true, force: true }); });

const written = (page) => page.inputValue('#text');
const lines = (page) => page.$eval('#board', (board) => Number(board.dataset.lines));
async function tab(name, size, scheme) {
  const page = await openWindow(`http://${address}/#${encodeURIComponent(ROOM)}`, size, scheme);
  await page.waitForSelector('#status[data-state=synced]');
  await page.fill('#name', name);
  return page;
}
/** One after the other: who draws does not type meanwhile, and keys go to what has the focus. */
const turns = new Map();
function inTurn(page, act) {
  const done = (turns.get(page) ?? Promise.resolve()).then(act);
  turns.set(page, done.catch(() => {}));
  return done;
}
const type = (page, words) => inTurn(page, async () => {
  await page.focus('#text');
  await page.keyboard.press('Control+End');
  await page.keyboard.type(words, { delay: 8 });
});
const draw = (page, pen, points) => inTurn(page, async () => {
  await page.click(`.pen >> nth=${pen}`);
  const box = await page.locator('#board').boundingBox();
  const at = ([x, y]) => [box.x + box.width / 2 + x * 0.4 * box.width, box.y + box.height / 2 + y * 0.3 * box.width];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point));
  await page.mouse.up();
});
const ring = (x, y, r) => [...Array(25).keys()].map((i) => [x + r * Math.cos(i / 24 * 2 * Math.PI), y + r * Math.sin(i / 24 * 2 * Math.PI)]);

await start();
let ada, bob;
const [nora, ned] = [join(`ws://${address}`, encodeURIComponent(ROOM)), join(`ws://${address}`, encodeURIComponent(ROOM))];
nora.awareness.setLocalStateField('user', { name: 'Nora', colour: '#2f9e44' });
const insert = (to, words) => to.text.insert(to.text.length, words);

/** What is drawn; the keys of an object have no order. */
const drawn = (strokes) => JSON.stringify(strokes.toJSON().map(({ ink, points }) => [ink, points]));
/** All six replicas are one document: both tabs, both clients, one that has just come, and yjs itself. */
async function allEqual() {
  const reference = new Y.Doc();
  for (const update of [...nora.doc.updates, ...ned.doc.updates]) Y.applyUpdate(reference, update);
  const late = join(`ws://${address}`, encodeURIComponent(ROOM));
  const [text, strokes] = [() => reference.getText('text').toString(), () => drawn(reference.getArray('strokes'))];
  const all = () => [late, nora, ned];
  const same = async () => {
    for (const client of all()) for (const update of client.doc.updates.splice(0)) Y.applyUpdate(reference, update);
    const tabs = [await written(ada), await written(bob)];
    return late.provider.synced && all().every((one) => one.text.toString() === text() && drawn(one.strokes) === strokes())
      && tabs.every((tab) => tab === text()) && await lines(ada) === reference.getArray('strokes').length && await lines(bob) === reference.getArray('strokes').length;
  };
  const differ = async () => {
    const texts = { yjs: text(), ada: await written(ada), bob: await written(bob), late: late.text.toString(), nora: nora.text.toString(), ned: ned.text.toString() };
    return `equal: ${Object.entries(texts).map(([name, text]) => `${name} ${text.length} …${text.slice(-20)}`).join('; ')}; lines ${strokes().length} ${await lines(ada)} ${await lines(bob)} ${late.provider.synced}`;
  };
  await until(same, differ);
  late.provider.destroy();
  return reference;
}
const count = (text, words) => text.split(words).length - 1;

await check('two tabs and two clients of y-websocket meet', async () => {
  ada = await tab('Ada', 'desktop', 'light');
  bob = await tab('Bob', 'phone', 'dark');
  for (const page of [ada, bob]) await page.waitForFunction(() => [...document.querySelectorAll('#people li')].map((li) => li.dataset.name).sort().join() === 'Ada,Bob,Nora');
  await until(() => [...ned.awareness.getStates().values()].filter((state) => state.user).length === 3, 'three names');
});
await check('a client hears its own awareness, so that it need not come back every 30 s', async () => {
  const before = nora.provider.wsLastMessageReceived;
  await new Promise((resolve) => setTimeout(resolve, 20));
  nora.awareness.setLocalStateField('at', 1);
  await until(() => nora.provider.wsLastMessageReceived > before, 'its own awareness');
});
await check('all write at once', async () => {
  await Promise.all([
    type(ada, 'Plan for the garden 🌱\n'),
    type(bob, 'Beans: 12 rows\n'),
    (async () => { for (let i = 0; i < 50; i++) { insert(i % 2 ? nora : ned, `${i} `); await new Promise((resolve) => setTimeout(resolve, 4)); } })(),
  ]);
  await draw(ada, 3, [[-0.8, 0.6], [-0.3, 0.5], [0.2, 0.6], [0.8, 0.5]]);
  await draw(bob, 1, ring(-0.4, 0.1, 0.12));
  await allEqual();
});
await check('the cursor and the pointer of another are shown with the name', async () => {
  await type(bob, ' ');
  await ada.waitForSelector('#carets i[data-name=Bob]');
  const box = await bob.locator('#board').boundingBox();
  await bob.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.4);
  await ada.waitForSelector('.pointer[data-name=Bob]');
});
await check('the server is killed while all write, and started again: nothing is lost', async () => {
  const words = (name) => [...Array(40).keys()].map((i) => `${name}${i};`);
  const writing = Promise.all([
    (async () => { for (const word of words('A')) await type(ada, word); })(),
    (async () => { for (const word of words('B')) await type(bob, word); })(),
    (async () => { for (const word of words('N')) { insert(nora, word); await new Promise((resolve) => setTimeout(resolve, 40)); } })(),
    (async () => { for (const word of words('M')) { insert(ned, word); await new Promise((resolve) => setTimeout(resolve, 40)); } })(),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 700));
  await kill();
  await draw(ada, 4, ring(0.1, -0.1, 0.15)); // without the server
  await new Promise((resolve) => setTimeout(resolve, 300));
  await start();
  await writing;
  await draw(bob, 2, ring(0.55, 0.15, 0.1));
  const text = (await allEqual()).getText('text').toString();
  for (const name of ['N', 'M']) for (const word of words(name)) equal(count(text, word), 1, `times that "${word}" is there`);
  for (const [name, page] of [['A', ada], ['B', bob]]) {
    // Others write in between while one types.
    for (const [letter, n] of [[name, 40]]) equal([...text].filter((each) => each === letter).length >= n, true, `letters of ${name}`);
    equal(await page.locator('#status[data-state=synced]').count(), 1, 'in sync again');
  }
});
await check('one undoes what is one’s own', async () => {
  const before = await lines(bob);
  await ada.click('#undo');
  await until(async () => await lines(bob) === before - 1, 'one line less');
  await allEqual();
});
await check('the page raises no error, loads its bundle and nothing else', async () => {
  await picture(ada, 'together-desktop-light');
  await picture(bob, 'together-phone-dark');
  for (const page of [ada, bob]) {
    equal(page.errors.join(), '', 'errors');
    equal(page.foreign.map((url) => new URL(url).pathname).join(), '/bundle.js', 'requests');
  }
});
await check('who goes is gone for the others', async () => {
  await bob.context().close();
  await ada.waitForFunction(() => ![...document.querySelectorAll('#people li')].some((li) => li.dataset.name === 'Bob'));
});
await check('what is saved is enough when all have gone', async () => {
  const text = await written(ada);
  await ada.context().close();
  nora.provider.destroy();
  ned.provider.destroy();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  equal(readdirSync(folder).length, 1, 'files');
  await kill();
  await start();
  const late = join(`ws://${address}`, encodeURIComponent(ROOM));
  await until(() => late.provider.synced, 'in sync');
  equal(late.text.toString(), text, 'text');
  late.provider.destroy();
});
await closeBrowser();
finish();
