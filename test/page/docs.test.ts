/** GET /docs: the API documentation, shown by Swagger UI. */
import { expect, it } from 'vitest';

import { inChromium } from './chromium.ts';

inChromium('the API documentation', ({ open, origin }) => {
  it('shows /openapi.json, with no request to another host', async () => {
    const page = await open({ path: '/docs' });
    await page.getByRole('heading', { name: 'edge-fill-mask' }).waitFor();
    const operation = page.locator('#swagger-ui .opblock-post', { hasText: '/fill-mask' }).first();
    await operation.getByRole('button').first().click();
    await operation.getByText('Responses').first().waitFor();
    expect(await page.locator('.errors-wrapper').count()).toBe(0);
    await operation.getByText('TypeScript', { exact: true }).click();
    await operation.getByText(`await fetch("${origin()}/fill-mask"`).waitFor();
    await operation.getByText('Python', { exact: true }).click();
    await operation.getByText('from urllib.request import').waitFor();
    expect(await page.getByRole('main').count()).toBe(1);
    await page.getByRole('link', { name: 'edge-fill-mask', exact: true }).first().click();
    await page.getByLabel('Your sentence').waitFor();
  });

  it('is dark in dark mode', async () => {
    const page = await open({ path: '/docs', colorScheme: 'dark' });
    await page.getByRole('heading', { name: 'edge-fill-mask' }).waitFor();
    const ground = 'getComputedStyle(document.documentElement).backgroundColor';
    expect(await page.evaluate(ground)).toBe('rgb(28, 32, 34)');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(() => page.evaluate(ground)).not.toBe('rgb(28, 32, 34)');
  });

  it('links to the document without JavaScript', async () => {
    const page = await open({ path: '/docs', javaScriptEnabled: false });
    expect(await page.getByRole('link', { name: 'openapi.json' }).getAttribute('href')).toBe('openapi.json');
  });

  it('is linked from the page', async () => {
    const page = await open();
    expect(await page.getByRole('link', { name: 'API documentation' }).getAttribute('href')).toBe('docs');
    expect(await page.getByRole('link', { name: 'openapi.json' }).getAttribute('href')).toBe('openapi.json');
  });
});
