/** GET /docs: the documents of the API, shown by Swagger UI. */
import { expect, it } from 'vitest';

import { inChromium } from './chromium.ts';

inChromium('the documents', ({ open }) => {
  it('are those of /openapi.json, shown by nothing from elsewhere', async () => {
    const page = await open({ path: '/docs' });
    await page.getByRole('heading', { name: 'edge-fill-mask' }).waitFor();
    const operation = page.locator('#swagger-ui .opblock-post', { hasText: '/fill-mask' }).first();
    await operation.getByRole('button').first().click();
    await operation.getByText('Responses').first().waitFor();
    expect(await page.locator('.errors-wrapper').count()).toBe(0);
    expect(await page.getByRole('main').count()).toBe(1);
    await page.getByRole('link', { name: 'edge-fill-mask', exact: true }).first().click();
    await page.getByLabel('Text with a').waitFor();
  });

  it('are named where there is no JavaScript', async () => {
    const page = await open({ path: '/docs', javaScriptEnabled: false });
    expect(await page.getByRole('link', { name: '/openapi.json' }).getAttribute('href')).toBe('/openapi.json');
  });

  it('are linked from the page', async () => {
    const page = await open();
    expect(await page.getByRole('link', { name: 'API documentation' }).getAttribute('href')).toBe('/docs');
    expect(await page.getByRole('link', { name: 'openapi.json' }).getAttribute('href')).toBe('/openapi.json');
  });
});
