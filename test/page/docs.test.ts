/** GET /docs: the documents of the API, shown by Swagger UI. */
import { expect, it } from 'vitest';

import { inChromium } from './chromium.ts';

/** For as long as there is no other. */
const STAND_IN = {
  openapi: '3.1.0',
  info: { title: 'edge-fill-mask', version: '0.1.0' },
  paths: { '/fill-mask': { post: { summary: 'Fill masks', responses: { 200: { description: 'Candidates' } } } } },
};

inChromium('the documents', ({ open, origin }) => {
  it('are those of /openapi.json, shown by nothing from elsewhere', async () => {
    const isReal = (await fetch(`${origin()}/openapi.json`)).ok;
    const page = await open({
      path: '/docs',
      before: async (opened) => {
        if (!isReal) await opened.route('**/openapi.json', (route) => route.fulfill({ json: STAND_IN }));
      },
    });
    await page.getByRole('heading', { name: 'edge-fill-mask' }).waitFor();
    const operation = page.locator('#swagger-ui .opblock-post', { hasText: '/fill-mask' }).first();
    await operation.getByRole('button').first().click();
    await operation.getByText('Responses').first().waitFor();
    expect(await page.locator('.errors-wrapper').count()).toBe(0);
    await page.getByRole('link', { name: 'edge-fill-mask', exact: true }).first().click();
    await page.getByLabel('Text with a').waitFor();
  });

  it('are linked from the page', async () => {
    const page = await open();
    expect(await page.getByRole('link', { name: 'API documentation' }).getAttribute('href')).toBe('/docs');
    expect(await page.getByRole('link', { name: 'openapi.json' }).getAttribute('href')).toBe('/openapi.json');
  });
});
