/** The page and the documentation below a path: with BASE_PATH, and behind a proxy that takes the path off. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { deploy, type Deployed } from '../deployed.ts';
import { postJson } from '../post-json.ts';
import { columns, inChromium } from './chromium.ts';
import { type Proxy, stripPrefix } from './strip-prefix.ts';

const PATH = '/masks';

inChromium('below a path', ({ open, origin }) => {
  let proxy: Proxy;
  let worker: Deployed;
  beforeAll(async () => {
    proxy = await stripPrefix(origin(), PATH);
    worker = await deploy(inject('built'), { vars: { BASE_PATH: PATH } });
  });
  afterAll(async () => {
    proxy.close();
    await worker.close();
  });

  describe.each([
    { name: 'behind a proxy that takes it off', at: () => proxy.url, seen: origin },
    { name: 'with BASE_PATH', at: () => worker.url.origin + PATH, seen: () => worker.url.origin + PATH },
  ])('$name', ({ at, seen }) => {
    it('the page asks, lists its models and shows its code', async () => {
      const page = await open({ at: at() });
      expect(await columns(page)).toHaveLength(2);
      await page.locator('#model-facts').getByText('albert-edge').first().waitFor();
      expect(await page.locator('#panel-curl').textContent()).toContain(`curl '${at()}/fill-mask'`);
      await page.getByRole('tab', { name: 'Tokens' }).click();
      await page.locator('#tokens-output').getByText('love', { exact: true }).first().waitFor();
      // Of a preview only the worker's own address is known.
      const image = await page.locator('meta[property="og:image"]').getAttribute('content');
      expect(image).toBe(`${seen()}/preview.png`);
      expect((await fetch(image ?? '')).headers.get('content-type')).toBe('image/png');
      const href = await page.getByRole('link', { name: 'openapi.json' }).getAttribute('href');
      const document = new URL(href ?? '', page.url());
      expect(document.href).toBe(`${at()}/openapi.json`);
      expect((await fetch(document)).status).toBe(200);
    });

    it('the documentation loads, asks and leads back', async () => {
      const page = await open({ at: at(), path: '/docs/' });
      await page.getByRole('heading', { name: 'edge-fill-mask' }).waitFor();
      expect(page.url()).toBe(`${at()}/docs`);
      const operation = page.locator('#operations-service-health');
      await operation.getByRole('button').first().click();
      await operation.getByText('TypeScript', { exact: true }).click();
      await operation.getByText(`await fetch("${at()}/health"`).waitFor();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      await operation.getByRole('button', { name: 'Execute' }).click();
      expect(await operation.locator('.request-url pre').textContent()).toBe(`${at()}/health`);
      await operation.locator('.live-responses-table').getByText('200').first().waitFor();
      await page.getByRole('link', { name: 'edge-fill-mask', exact: true }).first().click();
      await page.getByLabel('Your sentence').waitFor();
    });

    it('a model has its routes below the path', async () => {
      const [{ path = '' } = {}] = (await (await fetch(`${at()}/models`)).json()) as { path?: string }[];
      const response = await postJson(`${at()}${path}/fill-mask`, { inputs: 'A [MASK] barked.' });
      expect([path, response.status]).toEqual(['/models/albert-edge', 200]);
    });
  });
});
