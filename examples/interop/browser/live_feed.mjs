// The live feed page in Chromium: live_feed.mjs ws://HOST:PORT [PICTURES]
import { check, equal, finish } from '../peers/checks.mjs';
import { headerParams } from '../peers/deflate.mjs';
import { closeBrowser, extensions, openWindow, picture } from './browser.mjs';
import { cuttableProxy } from './cuttable_proxy.mjs';

const [base, pictures = 'live_feed'] = process.argv.slice(2);
const address = new URL(base).host;
const http = base.startsWith('wss:') ? 'https' : 'http';
const proxy = await cuttableProxy(address);

const received = (page) => page.$eval('#count', (count) => Number(count.dataset.count));
async function receives(page, more) {
  const count = await received(page);
  await page.waitForFunction((least) => Number(document.querySelector('#count').dataset.count) >= least, count + more);
}
const drawn = (page) => page.$eval('#chart', (chart) => chart.toDataURL());

const page = await openWindow(`${http}://${proxy.address}/`, 'desktop', 'light');
await check('the feed names its three series', async () => {
  await page.waitForFunction(() => document.querySelectorAll('#legend li').length === 3);
});
await check('the message counter rises', async () => {
  await page.waitForSelector('#status[data-state=open]');
  await receives(page, 30);
});
await check('compression is agreed on', async () => {
  headerParams(await extensions(page));
});
await check('the rate is shown', async () => {
  await page.waitForFunction(() => Number(document.querySelector('#rate').textContent) > 1);
});
await check('the chart has a line in each colour', async () => {
  const missing = await page.$eval('#chart', (chart) => {
    const { data } = chart.getContext('2d').getImageData(0, 0, chart.width, chart.height);
    const style = getComputedStyle(document.documentElement);
    return [0, 1, 2].filter((i) => {
      const colour = style.getPropertyValue(`--s${i}`).trim();
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      let pixels = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255) pixels++;
      return pixels < 30;
    });
  });
  equal(missing.join(), '', 'series without a line');
});
await check('pause holds the chart, the feed goes on', async () => {
  await page.click('#pause');
  await page.mouse.move(5, 5);
  await receives(page, 5);
  const before = await drawn(page);
  await receives(page, 20);
  equal(await drawn(page) === before, true, 'the same picture');
  await page.click('#pause');
  await receives(page, 5);
  equal(await drawn(page) === before, false, 'the same picture after going on');
});
await check('a cut connection comes back', async () => {
  proxy.cut();
  await page.waitForSelector('#status:not([data-state=open])');
  await page.waitForSelector('#status[data-state=open]');
  await receives(page, 10);
});
await check('two more windows receive too', async () => {
  const windows = await Promise.all([openWindow(`${http}://${address}/`, 'phone', 'light'), openWindow(`${http}://${address}/`, 'phone', 'dark')]);
  for (const window of windows) await receives(window, 100);
  await picture(windows[0], `${pictures}-phone-light`);
  await picture(windows[1], `${pictures}-phone-dark`);
  await picture(page, `${pictures}-desktop-light`);
});
await check('the page raises no error and loads nothing else', async () => {
  equal(page.errors.join(), '', 'errors');
  equal(page.foreign.join(), '', 'requests');
});
await closeBrowser();
finish();
