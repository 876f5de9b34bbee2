/** The other tabs: comparing two sentences, sentence order and tokens; and the model card. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import { columns, field, inChromium, linkTo } from './chromium.ts';

const tab = (page: Page, name: string) => page.getByRole('tab', { name }).click();

inChromium('the tabs of the page', ({ open, origin }) => {
  it('compare two sentences as /score does, token by token', async () => {
    const page = await open();
    await tab(page, 'Compare');
    await page.locator('.verdict').waitFor();
    await page.getByRole('textbox', { name: 'First sentence' }).fill('She opened the door.');
    await page.getByRole('textbox', { name: 'Second sentence' }).fill('She opened the the.');
    await page.getByRole('button', { name: 'Compare' }).click();
    const response = await fetch(`${origin()}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: ['She opened the door.', 'She opened the the.'] }),
    });
    const scores = (await response.json()) as { score: number; tokens: { token_str: string; score: number }[] }[];
    const [first = 0, second = 0] = scores.map(({ score }) => score);
    expect(first).toBeGreaterThan(second);
    const verdict = `The first sentence is more likely to the model, by ${(first - second).toFixed(2)} nats.`;
    await page.locator('.verdict').getByText(verdict).waitFor();
    const tokens = page.getByRole('list', { name: 'Tokens of the first sentence' }).getByRole('listitem');
    expect(await tokens.allTextContents()).toEqual(
      scores[0]?.tokens.map(({ token_str, score }) => `${token_str} ${score.toFixed(2).replace('-', '−')}`),
    );
    const heats = await tokens.evaluateAll((items) =>
      items.map((item) => Number.parseFloat(item.getAttribute('style')?.split(':')[1] ?? '')),
    );
    for (const [i, { score }] of (scores[0]?.tokens ?? []).entries()) expect(heats[i]).toBeCloseTo(-score / 10, 3);
    expect(await page.getByRole('status').textContent()).toBe(verdict);
  });

  it('say when sentences of different lengths are compared, and when one is missing', async () => {
    const page = await open();
    await tab(page, 'Compare');
    await page.getByRole('textbox', { name: 'First sentence' }).fill('Yes.');
    await page.getByRole('textbox', { name: 'Second sentence' }).fill('She opened the door.');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.locator('.verdict').getByText('Their lengths differ: compare the means per token as well.').waitFor();
    await page.getByRole('textbox', { name: 'First sentence' }).fill(' ');
    await page.getByRole('button', { name: 'Compare' }).click();
    const alert = page.locator('.output:visible [role=alert]');
    await expect.poll(() => alert.textContent()).toBe('Type two sentences.');
  });

  it('classify the order of two sentences as /sentence-order does', async () => {
    const page = await open();
    await tab(page, 'Order');
    const response = await fetch(`${origin()}/sentence-order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: { text: 'He was born in London in 1850.', text_pair: 'He died there in 1912.' } }),
    });
    const [top] = (await response.json()) as { label: string; score: number }[];
    const words = top?.label === 'in_order' ? 'in this order' : 'swapped';
    const labels = page.getByRole('list', { name: 'Labels' }).getByRole('listitem');
    await labels.first().waitFor();
    expect(await labels.first().textContent()).toBe(`${words} ${((top?.score ?? 0) * 100).toFixed(1)}%`);
    expect(await labels.count()).toBe(2);
  });

  it('show the tokens of the current sentence, and of another text', async () => {
    const page = await open({ path: linkTo('me ____') });
    await columns(page);
    await tab(page, 'Tokens');
    const chips = page.getByRole('list', { name: 'Tokens' }).getByRole('listitem');
    await chips.first().waitFor();
    expect(await chips.allTextContents()).toEqual(['[CLS] 101 special', 'me 2033', '[MASK] 103', '[SEP] 102 special']);
    await page.getByText('4 tokens, 2 of them special').first().waitFor();
    await page.getByLabel('Text', { exact: true }).fill('me');
    await page.getByRole('button', { name: 'Tokenize' }).click();
    await page.getByText('3 tokens, 2 of them special').first().waitFor();
    // A text that a person has typed stays.
    await tab(page, 'Fill gaps');
    await field(page).fill('you [MASK]');
    await tab(page, 'Tokens');
    expect(await page.getByLabel('Text', { exact: true }).inputValue()).toBe('me');
  });

  it.each([
    [
      'an error',
      { status: 429, headers: { 'retry-after': '7200' }, json: { error: 'Too many.' } },
      'Too many. Wait 2 hours.',
    ],
    ['another format', { json: [{ score: 'low' }] }, 'an unknown format'],
    ['HTML', { body: '<h1>Sign in</h1>' }, 'a body that is not JSON'],
  ])('report %s in each of them', async (_, answer, message) => {
    const page = await open({
      path: linkTo('No gap.'),
      allow: /Failed to load/,
      before: (opened) => opened.route(/score|order|tokenize/, (route) => route.fulfill(answer)),
    });
    for (const [name, button] of [
      ['Compare', 'Compare'],
      ['Order', 'Check the order'],
      ['Tokens', 'Tokenize'],
    ] as const) {
      await tab(page, name);
      await page.getByRole('button', { name: button }).click();
      await expect.poll(() => page.locator('.output:visible [role=alert]').textContent()).toContain(message);
    }
  });

  it('ask /next-sentence of a model that has only that head', async () => {
    const page = await open({
      before: async (opened) => {
        await opened.route('**/models', async (route) => {
          const [model] = (await (await route.fetch()).json()) as { info: object }[];
          await route.fulfill({ json: [{ ...model, info: { ...model?.info, heads: ['mlm', 'nsp'] } }] });
        });
        await opened.route('**/next-sentence', (route) =>
          route.fulfill({
            json: [
              { label: 'is_next', score: 0.9 },
              { label: 'not_next', score: 0.1 },
            ],
          }),
        );
      },
    });
    await page.locator('#model-card').waitFor();
    await tab(page, 'Order');
    await page.getByRole('button', { name: 'Check the order' }).click();
    const labels = page.locator('#order-output .word');
    await expect
      .poll(() => labels.allTextContents())
      .toEqual(['the second follows the first', 'the second does not follow']);
  });

  it('stand beside a card of the model, from /info', async () => {
    const page = await open();
    const info = (await (await fetch(`${origin()}/info`)).json()) as Record<string, unknown>;
    const card = page.getByRole('region', { name: 'The model' });
    await card.waitFor();
    const text = await card.innerText();
    for (const part of [info['model'], info['revision'], info['source'], info['license'], 'ALBERT', '30,522 pieces']) {
      expect(text).toContain(part);
    }
    expect(text).toContain(`${((info['weights_bytes'] as number) / 1e6).toFixed(1)} MB`);
  });

  it('do without a card when /models fails', async () => {
    const page = await open({
      allow: /Failed to load/,
      before: (opened) => opened.route('**/models', (route) => route.fulfill({ status: 500, json: { error: 'No.' } })),
    });
    expect(await columns(page)).toHaveLength(2);
    expect(await page.locator('#model-card').isVisible()).toBe(false);
  });
});
