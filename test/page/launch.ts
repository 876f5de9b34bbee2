/** Starts a browser. */
import { existsSync } from 'node:fs';

import { type Browser, chromium } from 'playwright-core';

/** Undefined where there is none. */
export const executablePath = [process.env['CHROMIUM'] || '/usr/bin/chromium'].find(existsSync);

/** Without any service of its maker: what it asks for is what the page asks for. */
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
