import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** The package's own argument list holds --single-process, with which the browser dies when a page is closed. */
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];

/** A real Chromium: the machine's own, else the one from the npm package, so that the tests also run without apt. */
export async function launchBrowser(): Promise<Browser> {
  const found = installed.find((path) => existsSync(path));
  if (found !== undefined) return chromium.launch({ executablePath: found, args });
  const { default: packaged } = await import('@sparticuz/chromium');
  return chromium.launch({ executablePath: await packaged.executablePath(), args });
}
