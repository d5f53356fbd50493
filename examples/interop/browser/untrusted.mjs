// A certificate that Chromium was not told of: untrusted.mjs wss://HOST:PORT
import { check, equal, finish } from '../peers/checks.mjs';
import { closeBrowser, openWindow } from './browser.mjs';

await check('without being told of it Chromium does not believe the certificate', async () => {
  const page = process.argv[2].replace(/^ws/, 'http');
  const reason = await openWindow(page, 'desktop', 'light').then(() => 'it was opened', (error) => error.message);
  equal(/ERR_CERT_[A-Z_]+/.exec(reason)?.[0], 'ERR_CERT_AUTHORITY_INVALID', reason);
});
await closeBrowser();
finish();
