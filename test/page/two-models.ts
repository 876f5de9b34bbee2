/** A deployment of two models, and one whose objects are missing from the bucket. The tests serve the default model only. */
import type { Page, Route } from 'playwright-core';

/** @param answer instead of the second model, whose answers are those of the first otherwise */
export async function serveTwo(page: Page, answer: (route: Route) => Promise<void> = asDefault): Promise<void> {
  await page.route('**/models', async (route) => {
    const [model] = (await (await route.fetch()).json()) as { info: object }[];
    const other = { ...model, path: '/models/other', default: false, info: { ...model?.info, model: 'other' } };
    const missing = { model: 'missing', path: '/models/missing', default: false };
    await route.fulfill({ json: [model, other, missing] });
  });
  await page.route('**/models/other/*', answer);
}

export async function asDefault(route: Route): Promise<void> {
  const url = route.request().url().replace('/models/other', '');
  await route.fulfill({ response: await route.fetch({ url }) });
}
