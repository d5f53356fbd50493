// Headless Chromium: windows on a page, and pictures of them.
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { chromium } from '../peers/packages.mjs';

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const pictures = process.env.INTEROP_SCREENSHOTS ?? 'target/interop/screenshots';
mkdirSync(pictures, { recursive: true });

// Believes this one certificate, by the hash of its key, and no other that it cannot check.
function believed(pem) {
  const key = new X509Certificate(readFileSync(pem)).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
}
const trusted = process.env.INTEROP_TRUST ? [believed(process.env.INTEROP_TRUST)] : [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', ...trusted],
});

/**
 * A window of its own: no storage is shared with another one. `size` is `desktop` or `phone`; its
 * WebSockets go to `elsewhere` (HOST:PORT), if that is given, instead of to where the page asks.
 */
export async function openWindow(url, size, colorScheme, elsewhere) {
  const phone = size === 'phone';
  const context = await browser.newContext({
    viewport: SIZES[size], colorScheme, isMobile: phone, hasTouch: phone, deviceScaleFactor: phone ? 2 : 1,
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  // Any request that is not the page itself: the pages promise to load nothing else.
  page.foreign = [];
  page.on('request', (request) => { if (!request.isNavigationRequest() && !request.url().startsWith('data:')) page.foreign.push(request.url()); });
  // What the page's connections agreed on can only be read off themselves.
  await page.addInitScript((elsewhere) => {
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(url, ...args) {
        const to = new URL(url);
        if (elsewhere) to.host = elsewhere;
        super(to, ...args);
        window.sockets.push(this);
      }
    };
  }, elsewhere);
  await page.goto(url);
  return page;
}

/** The extensions of the page's last connection. */
export function extensions(page) {
  return page.evaluate(() => window.sockets.at(-1)?.extensions);
}

export function picture(page, name) {
  return page.screenshot({ path: `${pictures}/${name}.png` });
}

export function closeBrowser() {
  return browser.close();
}
