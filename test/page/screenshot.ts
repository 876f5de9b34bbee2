/**
 * Takes the picture in the README and the preview of shared links, with the default model: `node test/page/screenshot.ts`. Both are
 * committed, not built: they need a browser, or the fonts of the machine, and a build must need neither.
 */
import { join } from 'node:path';

import { buildSelected, deploy } from '../deployed.ts';
import { EXAMPLE } from './example.ts';
import { launch } from './launch.ts';

const folder = join(import.meta.dirname, '../../src/page');

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
  await page.locator('#model-card').waitFor();
  await page.screenshot({ path: join(folder, 'screenshot.png') });

  // The size that social networks ask for: the sentence and its candidates, without the controls.
  await page.setViewportSize({ width: 1200, height: 630 });
  await page.evaluate(`
    const hidden = 'nav, .views, label[for=text], #text, .buttons, #options, #model-card, #facts, .examples, .code, footer';
    for (const element of document.querySelectorAll(hidden)) element.hidden = true;
    document.documentElement.style.fontSize = '138%';
    document.querySelector('#sentence').style.marginBottom = 0;
    document.querySelector('main').style.gridTemplateColumns = '1fr';`);
  await page.screenshot({ path: join(folder, 'preview.png') });
  console.log(`Wrote screenshot.png and preview.png in ${folder}.`);
} finally {
  await browser.close();
  await server.close();
}
