/** Takes the picture in the README, with the default model: `node test/page/screenshot.ts`. */
import { join } from 'node:path';

import { buildSelected, deploy } from '../deployed.ts';
import { EXAMPLE } from './example.ts';
import { launch } from './launch.ts';

const path = join(import.meta.dirname, '../../src/page/screenshot.png');

// No requests to the network.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';

const built = await buildSelected();
const [server, browser] = await Promise.all([deploy(built), launch()]);
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light' });
  const ask = (text: string) => page.goto(`${server.url.origin}/#${new URLSearchParams({ text }).toString()}`);
  // The first answer includes loading the model.
  await ask('One [MASK].');
  await page.locator('.column').waitFor();
  await ask(EXAMPLE);
  await page.locator('.column').nth(1).waitFor();
  await page.getByText(`The model is ${built.id}`).waitFor();
  await page.screenshot({ path });
  console.log(`Wrote ${path}.`);
} finally {
  await browser.close();
  await server.close();
}
