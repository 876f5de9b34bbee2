/** Starts Chromium. */
import { existsSync } from 'node:fs';

import { type Browser, chromium } from 'playwright-core';

/** Undefined if Chromium is not installed. */
export const executablePath = [process.env['CHROMIUM'] || '/usr/bin/chromium'].find(existsSync);

/** Switches off the services of the browser itself: all requests are those of the page. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launch(): Promise<Browser> {
  return chromium.launch({ ...(executablePath && { executablePath }), args: ARGUMENTS });
}
