// The chat page in Chromium, with node and Python in the same room:
//   chat.mjs ws://HOST:PORT PYTHON [PICTURES]     pictures are named PICTURES-…, chat-… by default
import { spawn } from 'node:child_process';
import { check, equal, finish } from '../peers/checks.mjs';
import { headerParams } from '../peers/deflate.mjs';
import { closeBrowser, extensions, openWindow, picture } from './browser.mjs';
import { cuttableProxy } from './cuttable_proxy.mjs';

const [base, python, pictures = 'chat'] = process.argv.slice(2);
const address = new URL(base).host;
const http = base.startsWith('wss:') ? 'https' : 'http';
const ROOM = '広場 & co';
const HTML = '<img src=x onerror="window.injected=1"><script>window.injected=1</script><b>bold</b>';
const peer = (file) => new URL(`../peers/${file}`, import.meta.url).pathname;

async function join(name, size, scheme, host = address) {
  const page = await openWindow(`${http}://${host}/#${encodeURIComponent(ROOM)}`, size, scheme);
  equal(await page.inputValue('#room'), ROOM, 'room taken from the address');
  await page.fill('#name', name);
  if (size === 'desktop' && scheme === 'light') await picture(page, `${pictures}-join-desktop`);
  if (size === 'phone' && scheme === 'dark') await picture(page, `${pictures}-join-phone-dark`);
  await page.press('#name', 'Enter');
  await page.waitForSelector('#status[data-state=open]');
  return page;
}

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

/** Waits until the page shows exactly this message; returns its data attributes. */
async function seesSaid(page, from, text) {
  const found = await page.waitForFunction(([from, text]) => {
    const li = [...document.querySelectorAll('#messages [data-kind=said]')].find((li) => li.dataset.from === from && li.querySelector('.text').textContent === text);
    return li && { ...li.dataset };
  }, [from, text]).catch(() => { throw new Error(`never seen: ${from}: ${text}`); });
  return found.jsonValue();
}

async function seesEvent(page, kind, name) {
  await page.waitForFunction(([kind, name]) => [...document.querySelectorAll(`#messages [data-kind=${kind}]`)].some((li) => li.dataset.name === name), [kind, name])
    .catch(() => { throw new Error(`never seen: ${kind} ${name}`); });
}

async function seesMembers(page, ...names) {
  const wanted = names.sort().join('|');
  await page.waitForFunction((wanted) => [...document.querySelectorAll('#members li')].map((li) => li.dataset.name).sort().join('|') === wanted, wanted)
    .catch(() => { throw new Error(`never seen as members: ${wanted}`); });
}

let ada, bob, late;

await check('two tabs join the same room', async () => {
  ada = await join('Ada', 'desktop', 'light');
  await seesMembers(ada, 'Ada');
  bob = await join('Bob', 'phone', 'dark');
  await seesEvent(ada, 'joined', 'Bob');
  await seesMembers(ada, 'Ada', 'Bob');
  await seesMembers(bob, 'Ada', 'Bob');
});
await check('the connection is as safe as the page', async () => {
  for (const page of [ada, bob]) {
    equal(await page.evaluate(() => new URL(window.sockets.at(-1).url).origin), base, 'where to');
    equal(await page.evaluate(() => window.isSecureContext && window.origin), `${http}://${address}`, 'page');
  }
});
await check('compression is agreed on', async () => {
  headerParams(await extensions(ada));
});
await check('both see a message, the speaker as their own', async () => {
  await say(ada, 'Hello, Bob!');
  equal((await seesSaid(ada, 'Ada', 'Hello, Bob!')).own, 'true', 'own');
  equal((await seesSaid(bob, 'Ada', 'Hello, Bob!')).own, 'false', 'own');
  equal(await ada.inputValue('#text'), '', 'text field after sending');
});
await check('emoji and CJK', async () => {
  await say(bob, '你好，世界 👩‍🚀🎉 こんにちは');
  for (const page of [ada, bob]) await seesSaid(page, 'Bob', '你好，世界 👩‍🚀🎉 こんにちは');
});
await check('HTML in a message stays text', async () => {
  await say(bob, HTML);
  for (const page of [ada, bob]) {
    await seesSaid(page, 'Bob', HTML);
    equal(await page.locator('#messages :is(img, script, .text b)').count(), 0, 'elements made from it');
    equal(await page.evaluate(() => window.injected), undefined, 'injected script');
  }
});
await check('HTML in a name stays text', async () => {
  const name = '<img src=x onerror=a()>';
  const mallory = await join(name, 'desktop', 'dark');
  await seesEvent(ada, 'joined', name);
  equal(await ada.locator('#chat img').count(), 0, 'elements made from it');
  await mallory.context().close();
  await seesEvent(ada, 'left', name);
});
await check('several lines by Shift+Enter', async () => {
  await ada.fill('#text', 'first line');
  await ada.press('#text', 'Shift+Enter');
  await ada.locator('#text').pressSequentially('second line');
  await ada.press('#text', 'Enter');
  await seesSaid(bob, 'Ada', 'first line\nsecond line');
});
await check('a message of 4000 emoji', async () => {
  await ada.evaluate((text) => { document.querySelector('#text').value = text; }, '🦋'.repeat(4000));
  await ada.press('#text', 'Enter');
  await seesSaid(bob, 'Ada', '🦋'.repeat(4000));
});

for (const [name, command, args] of [
  ['Nodette', process.execPath, [peer('node_chat.mjs')]],
  ['Monty', python, [peer('py_chat.py')]],
]) {
  await check(`${name} (${args[0].split('/').pop()}) talks with both tabs`, async () => {
    const child = spawn(command, [...args, `${base}/ws`, ROOM, name, `${name} says 你好 👋`, `good-bye, ${name}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    child.stdout.on('data', (data) => { heard += data; });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    for (const page of [ada, bob]) {
      await seesSaid(page, name, `${name} says 你好 👋`);
      await seesMembers(page, 'Ada', 'Bob', name);
    }
    await say(bob, 'one for everybody 🎈');
    await seesSaid(ada, 'Bob', 'one for everybody 🎈');
    await say(ada, `good-bye, ${name}`);
    equal(await ended, 0, 'exit code');
    for (const line of ['Ada: Hello, Bob!', 'Bob: one for everybody 🎈', `Ada: good-bye, ${name}`]) {
      if (!heard.split('\n').includes(line)) throw new Error(`${name} did not hear "${line}"`);
    }
    for (const page of [ada, bob]) await seesEvent(page, 'left', name);
  });
}

await check('a late tab gets the history in its order', async () => {
  late = await join('Chi', 'desktop', 'dark');
  await seesSaid(late, 'Ada', 'good-bye, Monty');
  const past = (page) => page.$$eval('#messages [data-kind=said]', (all) => all.map((li) => li.dataset.from + ': ' + li.querySelector('.text').textContent).join('\n'));
  equal(await past(late), await past(ada), 'history');
  equal((await seesSaid(late, 'Ada', 'Hello, Bob!')).past, 'true', 'past');
});
await check('a taken name is made unique', async () => {
  const twin = await join('Ada', 'phone', 'light');
  await seesMembers(ada, 'Ada', 'Bob', 'Chi', 'Ada 2');
  await say(twin, 'I am another one');
  equal((await seesSaid(ada, 'Ada 2', 'I am another one')).own, 'false', 'own');
  await twin.click('#people');
  await picture(twin, `${pictures}-people-phone`);
  await twin.click('#leave');
  await seesEvent(ada, 'left', 'Ada 2');
  await twin.context().close();
});
await check('a new name is seen by all', async () => {
  await late.click('#rename');
  await late.fill('#nick', '千');
  await late.press('#nick', 'Enter');
  for (const page of [ada, bob, late]) {
    await seesEvent(page, 'renamed', '千');
    await seesMembers(page, 'Ada', 'Bob', '千');
  }
});
await check('unread messages are counted in the title', async () => {
  await bob.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
  await say(ada, 'are you looking?');
  await bob.waitForFunction(() => document.title.startsWith('(1) '));
  await bob.evaluate(() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); });
  equal((await bob.title()).startsWith('('), false, 'counter after looking');
});
await check('a cut connection comes back, and a reload: nothing is shown twice, and no one has left', async () => {
  const proxy = await cuttableProxy(address);
  const dan = await join('Dan', 'desktop', 'light', proxy.address);
  await say(dan, 'before the cut');
  await seesSaid(ada, 'Dan', 'before the cut');
  proxy.cut();
  await dan.waitForFunction(() => document.querySelectorAll('#messages [data-kind=entered]').length === 2);
  await dan.waitForSelector('#status[data-state=open]');
  await say(ada, 'after the cut');
  await seesSaid(dan, 'Ada', 'after the cut');
  equal(await dan.locator('#messages .text', { hasText: 'before the cut' }).count(), 1, 'times shown');
  await dan.reload();
  await dan.waitForSelector('#status[data-state=open]');
  await say(dan, 'here again');
  await seesSaid(ada, 'Dan', 'here again');
  await ada.waitForTimeout(2500);
  const told = (kind) => ada.locator(`#messages [data-kind=${kind}][data-name^=Dan]`).count();
  equal(await told('joined'), 1, 'times joined');
  equal(await told('left'), 0, 'times left');
  await dan.context().close();
  await seesEvent(ada, 'left', 'Dan');
});
await check('a closed tab has left', async () => {
  await picture(late, `${pictures}-desktop-dark`);
  await late.context().close();
  await seesEvent(ada, 'left', '千');
  for (const page of [ada, bob]) await seesMembers(page, 'Ada', 'Bob');
});
await check('the page raises no error and loads nothing else', async () => {
  await picture(ada, `${pictures}-desktop-light`);
  await picture(bob, `${pictures}-phone-dark`);
  for (const page of [ada, bob]) {
    equal(page.errors.join(), '', 'errors');
    equal(page.foreign.join(), '', 'requests');
  }
});
await closeBrowser();
finish();
