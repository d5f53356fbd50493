// The arena page in Chromium, beside a player who stops reading: arena.mjs ws://HOST:PORT [PICTURES]
import { check, equal, finish } from '../peers/checks.mjs';
import { WebSocket } from '../peers/packages.mjs';
import { closeBrowser, openWindow, picture } from './browser.mjs';

const [base, pictures = 'arena'] = process.argv.slice(2);
const page = `http://${new URL(base).host}/`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const IN_FLIGHT = 4; // states that the server's lane lets be on their way

async function play(name, size) {
  const window = await openWindow(page, size, 'dark');
  await window.fill('#name', name);
  await picture(window, `${pictures}-join-${size}`);
  await window.press('#name', 'Enter');
  await window.waitForFunction(() => globalThis.arena.states > 30 && globalThis.arena.ship());
  return window;
}
const seen = (window) => window.evaluate(() => ({ ...globalThis.arena, ship: globalThis.arena.ship() }));

/** A player with node's `ws`, which has the ticks of the states that have come. */
function raw(name) {
  const socket = new WebSocket(`${base}/play`);
  const player = { socket, ticks: [], closed: new Promise((resolve) => socket.on('close', (code) => resolve(code))) };
  socket.on('error', () => {});
  socket.on('open', () => { if (name) socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(name)])); });
  socket.on('message', (data) => { if (data[0] === 1) player.ticks.push(data.readUInt32LE(1)); });
  return player;
}
async function until(what, done) {
  for (let tries = 0; !done(); tries++) {
    if (tries > 400) throw new Error(`never seen: ${what}`);
    await sleep(25);
  }
}

let ada, bob;
await check('two windows play', async () => {
  ada = await play('Ada', 'desktop');
  bob = await play('Bob', 'phone');
  for (const window of [ada, bob]) {
    await window.waitForFunction(() => ['Ada', 'Bob'].every((name) => globalThis.arena.names().includes(name)));
  }
});
await check('keys and thumbs move the ships', async () => {
  const before = [(await seen(ada)).ship, (await seen(bob)).ship];
  for (const key of ['ArrowUp', 'ArrowRight']) await ada.keyboard.down(key);
  await bob.evaluate(() => {
    const touch = (type, pointerId, clientX, clientY) => document.querySelector('#sky').dispatchEvent(new PointerEvent(type, { pointerId, pointerType: 'touch', clientX, clientY, bubbles: true }));
    // Chromium lets no page capture a finger that is not there.
    HTMLElement.prototype.setPointerCapture = () => {};
    touch('pointerdown', 7, 100, 600);
    touch('pointermove', 7, 160, 560);
    touch('pointerdown', 8, 330, 700);
  });
  await sleep(1500);
  const after = [(await seen(ada)).ship, (await seen(bob)).ship];
  for (const i of [0, 1]) equal(after[i].x !== before[i].x || after[i].y !== before[i].y, true, 'moved');
  await ada.keyboard.down('Space');
});
await check('one who stops reading delays no one, and goes on with the newest state', async () => {
  // A browser that gets no processor for longer than the lane allows for misses a state for that reason.
  for (let tries = 1; ; tries++) {
    const missed = await stallOne(`Slow ${tries}`);
    if (!missed.length) return;
    if (tries === 4) throw new Error(`the others have missed states: ${missed}`);
  }
});
async function stallOne(name) {
  const stalled = raw(name);
  await until('its first states', () => stalled.ticks.length > 30);
  stalled.socket.pause();
  await sleep(200);
  const had = stalled.ticks.length;
  const before = await Promise.all([ada, bob].map(seen));
  await sleep(2500);
  const after = await Promise.all([ada, bob].map(seen));
  const now = Math.max(...after.map(({ tick }) => tick));
  stalled.socket.resume();
  await until('the present', () => stalled.ticks.at(-1) > now);
  const late = stalled.ticks.slice(had);
  const old = late.filter((tick) => tick < now - 1);
  if (old.length > IN_FLIGHT) throw new Error(`more old states than may be on their way: ${late.map((tick) => tick - now)}`);
  console.log(`ticks from now, when the one who stood still went on: ${late.map((tick) => tick - now)}`);
  stalled.socket.close();
  await stalled.closed;
  // Each tick is one state to the others.
  return after.flatMap((one, i) => (one.states - before[i].states === one.tick - before[i].tick ? [] : [`${one.skipped - before[i].skipped} of ${one.tick - before[i].tick}`]));
}
await check('what is predicted is what the server says', async () => {
  for (const window of [ada, bob]) {
    const { compared, error } = await seen(window);
    if (compared < 90) throw new Error(`only ${compared} steps were compared`);
    equal(error, 0, 'error, in 16ths of a pixel');
  }
});
for (const [name, code, messages] of [
  ['text', 1003, ['hello']],
  ['a name that is not UTF-8', 1007, [Buffer.from([0, 0xff])]],
  ['half an input', 1007, [Buffer.from([1, 0, 0])]],
  ['a message of an unknown kind', 1007, [Buffer.from([9])]],
  ['an input before the name', 1008, [Buffer.alloc(9, 1)]],
  ['a second name', 1008, [Buffer.from([0, 65]), Buffer.from([0, 66])]],
  ['a large message', 1009, [Buffer.alloc(1 << 20)]],
  ['a flood', 1008, [Buffer.from([0, 65]), ...Array.from({ length: 2000 }, () => Buffer.alloc(9, 1))]],
]) {
  await check(`${name} is answered by ${code}`, async () => {
    const bad = raw();
    bad.socket.on('open', () => messages.forEach((message) => bad.socket.send(message)));
    equal(await bad.closed, code, 'close code');
  });
}
await check('one who watches sees both', async () => {
  const watcher = await openWindow(`${page}?watch`, 'desktop', 'dark');
  await watcher.waitForFunction(() => globalThis.arena.states > 30);
  await watcher.waitForFunction(() => document.querySelectorAll('#scores li').length >= 2);
  await picture(watcher, `${pictures}-watch`);
  equal(watcher.errors.join(), '', 'errors');
  await watcher.context().close();
});
await check('the numbers are shown', async () => {
  for (const window of [ada, bob]) await window.waitForFunction(() => Number(document.querySelector('#rate').textContent) > 0 && Number(document.querySelector('#trip').textContent) > 0);
});
await check('the page raises no error and loads nothing else', async () => {
  await picture(ada, `${pictures}-desktop`);
  await picture(bob, `${pictures}-phone`);
  for (const window of [ada, bob]) {
    equal(window.errors.join(), '', 'errors');
    equal(window.foreign.join(), '', 'requests');
  }
});
await check('a closed window has left', async () => {
  await bob.context().close();
  await ada.waitForFunction(() => [...document.querySelectorAll('#news li')].some((li) => li.textContent === 'Bob left'));
});
await closeBrowser();
finish();
