/** Several models in one deployment: a picker, and two models beside each other. */
import type { Page, Route } from 'playwright-core';
import { expect, it } from 'vitest';

import { columns, field, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';
import { asDefault, serveTwo } from './two-models.ts';

const bodyOf = (route: Route) => route.request().postDataJSON() as { inputs: string; parameters?: object };
const oneWord = (word: string, { inputs }: { inputs: string }) => {
  const list = [{ score: 0.5, token: 1, token_str: word, sequence: inputs.replace('[MASK]', word) }];
  return inputs.split('[MASK]').length > 2 ? [list, list] : list;
};

/** @param answer the word that the second model answers, or its response */
const comparing = (answer: string | Parameters<Route['fulfill']>[0]) => ({
  allow: /Failed to load resource/,
  before: (page: Page) =>
    serveTwo(page, (route) =>
      route.fulfill(typeof answer === 'string' ? { json: oneWord(answer, bodyOf(route)) } : answer),
    ),
});

/** The words of each list, by the name of its model. */
async function lists(page: Page): Promise<[string, string[]][]> {
  await page.locator('#results:not(.stale) .candidate').first().waitFor();
  const shown = await page.locator('.pair > div').all();
  return Promise.all(
    shown.map(async (one) => [await one.locator('h4').innerText(), await one.locator('.word').allTextContents()]),
  );
}

/** The list of models may come after the answer. */
const modelsListed = (page: Page): Promise<void> =>
  page.getByLabel('Answers come from').locator('option', { hasText: 'missing' }).waitFor({ state: 'attached' });

inChromium('a deployment of several models', ({ open }) => {
  it('answers by the model that is picked, which the link keeps', async () => {
    const asked: string[] = [];
    const before = (opened: Page) =>
      serveTwo(opened, async (route) => {
        asked.push(new URL(route.request().url()).pathname);
        await asDefault(route);
      });
    const page = await open({ before });
    await columns(page);
    await modelsListed(page);
    const picker = page.getByLabel('Answers come from');
    const all = ['albert-edge', 'other', 'missing (not in the bucket)'];
    expect(await picker.locator('option').allTextContents()).toEqual(all);
    expect(await picker.locator('option:disabled').allTextContents()).toEqual(all.slice(2));
    await picker.selectOption('other');
    await expect.poll(() => page.locator('#model-facts').innerText()).toContain('other');
    await columns(page);
    expect(asked).toEqual(['/models/other/fill-mask']);
    expect(await page.locator('#panel-curl').textContent()).toContain('/models/other/fill-mask');
    await page.getByRole('tab', { name: 'Compare' }).click();
    await page.locator('.verdict').waitFor();
    expect(asked.at(-1)).toBe('/models/other/score');
    const link = new URL(page.url());
    expect(new URLSearchParams(link.hash.slice(1)).get('model')).toBe('other');
    asked.length = 0;
    const linked = await open({ path: link.pathname + link.hash, before });
    await columns(linked);
    await modelsListed(linked);
    expect(await linked.getByLabel('Answers come from').inputValue()).toBe('/models/other');
    expect(asked).toEqual(['/models/other/fill-mask']);
  });

  it('says that a model of a link is not served', async () => {
    const page = await open({ path: linkTo('One [MASK].', { model: 'nobody' }), allow: /Failed to load/ });
    await page.getByRole('alert').getByText('The model "nobody" is not served here. Served are albert-edge@').waitFor();
    await page.getByLabel('Answers come from').selectOption('albert-edge');
    expect(await columns(page)).toHaveLength(1);
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  it('shows two models beside each other in each gap, and keeps both in the link', async () => {
    const page = await open({ ...comparing('second'), viewport: { width: 1280, height: 900 } });
    const alone = (await columns(page)).map((list) => list.map(({ word }) => word));
    const second = page.getByLabel('Compare with');
    await modelsListed(page);
    expect(await second.locator('option:disabled').allTextContents()).toEqual([
      'albert-edge',
      'missing (not in the bucket)',
    ]);
    await second.selectOption('other');
    await page.locator('.pair').first().waitFor();
    const both = alone.flatMap((words) => [
      ['albert-edge', words],
      ['other', ['second']],
    ]);
    expect(await lists(page)).toEqual(both);
    expect(await page.locator('#sentence .best').allTextContents()).toEqual(alone.map(([word]) => word));
    expect(await page.getByRole('list', { name: 'Gap 2 other' }).locator('li').count()).toBe(1);
    expect(await page.locator('#model-facts dl').count()).toBe(2);
    expect(await page.locator('#facts').innerText()).toMatch(/Model\s*albert-edge[^]*Model\s*other/);
    const box = async (n: number) => (await page.locator('.pair > div').nth(n).boundingBox()) ?? { x: 0, y: 0 };
    const [[left, right]] = [await Promise.all([box(0), box(1)])];
    expect(right.y).toBe(left.y);
    expect(right.x).toBeGreaterThan(left.x + 100);

    const linked = await open({ ...comparing('second'), path: new URL(page.url()).hash.replace(/^/, '/') });
    await linked.locator('.pair').getByText('albert-edge').nth(1).waitFor();
    expect(await lists(linked)).toEqual(both);
    await linked.setViewportSize({ width: 390, height: 844 });
    const [upper, lower] = await Promise.all([0, 1].map((n) => linked.locator('.pair > div').nth(n).boundingBox()));
    expect(lower?.x).toBe(upper?.x);
    expect(lower?.y).toBeGreaterThan((upper?.y ?? 0) + 100);
    // A candidate of the second model fills its gap too.
    await linked.getByRole('button', { name: 'second' }).last().click();
    expect(await field(linked).inputValue()).toBe(EXAMPLE.replace(/\[MASK\]\.$/, 'second.'));
    // A model is not compared with itself.
    await linked.getByLabel('Answers come from').selectOption('other');
    await expect.poll(() => linked.locator('.pair').count()).toBe(0);
    expect(await linked.getByLabel('Compare with').inputValue()).toBe('');
  });

  it('shows the combinations of two models beside each other', async () => {
    const page = await open({
      ...comparing({ json: [{ score: 0.5, token: [1, 2], token_strs: ['a', 'b'], sequence: 'One a and b.' }] }),
      path: linkTo('One [MASK] and [MASK].', { joint: 'true', compare: 'other' }),
    });
    const [first, second] = await lists(page);
    expect(first?.[1]).toHaveLength(5);
    expect(second).toEqual(['other', ['One a and b.']]);
  });

  it('asks both for each pause in typing, aborts both, and waits for no slow second model', async () => {
    const late = Promise.withResolvers<void>();
    const asked: string[] = [];
    const page = await open({
      path: linkTo('First [MASK].', { compare: 'other' }),
      before: async (opened) => {
        await serveTwo(opened, async (route) => {
          const body = bodyOf(route);
          asked.push(body.inputs);
          if (body.inputs === 'Slow [MASK].') await late.promise;
          await route.fulfill({ json: oneWord(`second of ${body.inputs}`, body) }).catch(() => undefined);
        });
      },
    });
    const [[, words] = ['', []], other] = await lists(page);
    expect(words).toHaveLength(5);
    expect(other).toEqual(['other', ['second of First [MASK].']]);
    await page.evaluate(`
      const area = document.querySelector('#text');
      for (const text of ['S', 'Slow', 'Slow [MASK].']) {
        area.value = text;
        area.dispatchEvent(new Event('input', { bubbles: true }));
      }`);
    await page.locator('.pair').getByText('No answer yet.').waitFor();
    expect(asked).toEqual(['First [MASK].', 'Slow [MASK].']);
    expect((await lists(page))[0]?.[1]).toHaveLength(5);
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('true');
    const aborted = page.waitForEvent('requestfailed');
    await field(page).fill('Third [MASK].');
    expect((await aborted).url()).toMatch(/\/models\/other\/fill-mask$/);
    late.resolve();
    await page.locator('.pair').getByText('second of Third').waitFor();
    expect((await lists(page))[1]).toEqual(['other', ['second of Third [MASK].']]);
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('false');
  });

  it.each([
    ['is not served', 'nobody', undefined, 'The model "nobody" is not served here.'],
    ['is missing from the bucket', 'other', { status: 502, json: { error: 'It is gone.' } }, 'It is gone.'],
    ['answers in an unknown format', 'other', { json: {} }, 'The server answered in an unknown format.'],
  ])('shows the error of a second model that %s beside the answers of the first', async (_, compare, answer, error) => {
    const page = await open({ ...comparing(answer ?? ''), path: linkTo('One [MASK].', { compare }) });
    await page.locator('.pair').getByText(error).waitFor();
    const [first, second] = await lists(page);
    expect(first?.[1]).toHaveLength(5);
    expect(second).toEqual([compare, []]);
    expect(await page.getByRole('alert').textContent()).toBe('');
    const isOffered = await page.getByRole('button', { name: 'Ask again' }).isVisible();
    expect(isOffered).toBe(!answer || 'status' in answer);
    await page.getByLabel('Compare with').selectOption('no other model');
    await page.locator('.pair').waitFor({ state: 'detached' });
    expect(await columns(page)).toHaveLength(1);
  });

  it('stops asking when the second model is refused, and keeps the answers of the first', async () => {
    const page = await open({
      ...comparing({ status: 429, headers: { 'retry-after': '60' }, json: { error: 'Too many.' } }),
      path: linkTo('One [MASK].', { compare: 'other' }),
    });
    await page.getByRole('alert').getByText('Too many. You can ask again in 60 seconds.').waitFor();
    expect((await lists(page))[0]?.[1]).toHaveLength(5);
  });

  it('sends no request to a path that a link gives as its model', async () => {
    const posted: string[] = [];
    const before = async (opened: Page) => {
      opened.on('request', (request) => {
        if (request.method() === 'POST') posted.push(new URL(request.url()).pathname);
      });
    };
    const page = await open({ path: linkTo('A [MASK].', { model: '../admin', compare: '..' }), before });
    await page.getByRole('alert').getByText('“../admin”, which cannot be a model').waitFor();
    await page.locator('#results:not(.stale) .candidate').first().waitFor();
    expect(posted).toEqual(['/fill-mask']);
  });
});
