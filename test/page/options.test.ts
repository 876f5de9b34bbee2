/** Targets, the joint mode and the tokens. */
import { expect, it } from 'vitest';

import { columns, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';

inChromium('the options of the page', ({ open }) => {
  it('show all of the given words and no others', async () => {
    const page = await open();
    await page.getByLabel('Only these words').fill(' you,me , him,it, them, us,,you ');
    expect(await page.getByLabel('How many').isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    const [first = [], second = []] = await columns(page);
    expect(first.map(({ word }) => word).toSorted()).toEqual(['him', 'it', 'me', 'them', 'us', 'you']);
    expect(second).toHaveLength(6);
  });

  it('show the error message of the API for a word that it cannot score', async () => {
    const page = await open({ allow: /status of 422/ });
    await page.getByLabel('Only these words').fill('☃');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByText('No answer to this question.').waitFor();
    expect(await page.getByRole('alert').textContent()).toBe(
      'The target "☃" has characters that the vocabulary lacks.',
    );
  });

  it('fill all masks together, one row for each combination', async () => {
    const body = { inputs: EXAMPLE, parameters: { strategy: 'joint' } };
    const asked: unknown[] = [];
    const page = await open({
      before: async (opened) => {
        opened.on('request', (request) => {
          if (request.method() === 'POST') asked.push(request.postDataJSON());
        });
      },
    });
    await page.getByRole('switch', { name: 'Fill all masks together' }).check();
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    const [rows = []] = await columns(page);
    expect(asked).toEqual([body]);
    expect(rows).toHaveLength(5);
    for (const { word, percent } of rows) {
      expect(word).toMatch(/^I love .+ because you are .+\.$/);
      expect(percent).toMatch(/^[\d.e-]+%$/);
    }
    await page.locator('.candidate').nth(1).click();
    const text = page.getByLabel('Text with a');
    expect(await text.inputValue()).toBe(rows[1]?.word);
    expect(await page.locator('.candidate').nth(1).getAttribute('aria-pressed')).toBe('true');
    expect(await page.getByRole('status').textContent()).toMatch(/^Filled with .+, .+\.$/);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await text.inputValue()).toBe(EXAMPLE);
  });

  it('show the number of pieces of a word that is not one piece', async () => {
    const page = await open({ path: linkTo('An [MASK].', { targets: 'incomprehensibilities' }) });
    expect(await columns(page)).toEqual([
      [{ word: 'incomprehensibilities', percent: expect.stringMatching(/^\d\.\de-\d+%$/) }],
    ]);
    expect(await page.locator('.candidate').textContent()).toMatch(/[2-9] pieces/);
    expect(await page.locator('.rest').count()).toBe(0);
    await page.locator('.candidate').click();
    expect(await page.getByLabel('Text with a').inputValue()).toBe('An incomprehensibilities.');
  });

  it('exclude each other where the API would refuse them together, and no request is sent', async () => {
    const asked: string[] = [];
    const page = await open({
      before: async (opened) => opened.on('request', (request) => asked.push(`${request.method()} ${request.url()}`)),
    });
    await page.getByLabel('Only these words').fill('you');
    await page.getByRole('switch').check();
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByRole('alert').getByText('exclude each other').waitFor();
    expect(asked.filter((request) => request.startsWith('POST'))).toEqual([]);
    expect(await page.getByLabel('Only these words').getAttribute('aria-invalid')).toBe('true');

    await page.getByRole('switch').uncheck();
    expect(await page.getByLabel('Only these words').getAttribute('aria-invalid')).toBe('false');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    expect(await columns(page)).toHaveLength(2);
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  it('show an error while they exclude each other', async () => {
    const page = await open({ path: linkTo(EXAMPLE, { joint: 'true', targets: 'you' }) });
    await page.getByRole('alert').getByText('exclude each other').waitFor();
    await page.getByRole('switch').uncheck();
    expect(await page.getByRole('alert').textContent()).toBe('');
    expect(await page.getByLabel('Fill all masks').getAttribute('aria-describedby')).toBe('joint-hint');
  });

  it('show how the text was tokenized, once opened, and follow the next request', async () => {
    const page = await open({ path: linkTo('me [MASK]') });
    await columns(page);
    await page.getByText('How it was tokenized').click();
    const chips = page.getByRole('list', { name: 'Tokens' }).getByRole('listitem');
    await chips.first().waitFor();
    expect(await chips.allTextContents()).toEqual(['[CLS] 101 special', 'me 2033', '[MASK] 103', '[SEP] 102 special']);
    expect(await page.locator('.chips .special').count()).toBe(2);
    await page.getByText('“me [MASK]”: 4 tokens, 2 of them special').waitFor();

    const asked = page.waitForRequest('**/tokenize');
    await page.getByRole('button', { name: 'The sun rises in the [MASK].' }).click();
    expect((await asked).postDataJSON()).toEqual({ inputs: 'The sun rises in the [MASK].' });
    await page.getByText('“The sun rises in the [MASK].”:').waitFor();
  });

  it('show no tokens of another text if the user goes back before they arrive', async () => {
    const page = await open({
      path: linkTo('me [MASK]'),
      before: (opened) =>
        opened.route('**/tokenize', async (route) => {
          const { inputs } = route.request().postDataJSON() as { inputs: string };
          if (inputs === 'me [MASK]') return route.fallback();
          // Never answered: the request ends with the page.
          await new Promise((resolve) => opened.once('close', resolve));
        }),
    });
    await columns(page);
    await page.getByText('How it was tokenized').click();
    await page.getByText('“me [MASK]”: 4 tokens').waitFor();
    const failed = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/tokenize'));
    await page.getByRole('button', { name: 'The sun rises in the [MASK].' }).click();
    await page.getByText('Waiting for the tokens…').waitFor();
    await page.goBack();
    expect((await failed).failure()?.errorText).toBe('net::ERR_ABORTED');
    await page.getByText('“me [MASK]”: 4 tokens').waitFor();
    expect(await page.locator('.chips').count()).toBe(1);
  });

  it('show tokens again after an error with another text', async () => {
    const page = await open({
      path: linkTo('me [MASK]'),
      allow: /status of 429/,
      before: (opened) =>
        opened.route('**/tokenize', (route) => {
          const { inputs } = route.request().postDataJSON() as { inputs: string };
          if (inputs === 'me [MASK]') return route.fallback();
          return route.fulfill({ status: 429, headers: { 'retry-after': '7200' }, json: { error: 'Too many.' } });
        }),
    });
    await columns(page);
    await page.getByText('How it was tokenized').click();
    await page.getByText('“me [MASK]”: 4 tokens').waitFor();
    await page.getByRole('button', { name: 'The sun rises in the [MASK].' }).click();
    await page.getByRole('alert').getByText('Too many. Wait 2 hours.').waitFor();
    await page.goBack();
    await page.getByText('“me [MASK]”: 4 tokens').waitFor();
    expect(await page.getByText('Too many.').count()).toBe(0);
  });

  it('tell why there are no tokens', async () => {
    const page = await open({
      allow: /status of 500/,
      before: (opened) =>
        opened.route('**/tokenize', (route) => route.fulfill({ status: 500, json: { error: 'No tokens today.' } })),
    });
    await page.getByText('How it was tokenized').click();
    await page.getByRole('alert').getByText('No tokens today.').waitFor();
    await page.unroute('**/tokenize');
    await page.route('**/tokenize', (route) => route.fulfill({ json: { tokens: [{ token: 'two' }] } }));
    await page.getByText('How it was tokenized').click();
    await page.getByText('How it was tokenized').click();
    await page.getByRole('alert').getByText('an unknown format').waitFor();
    expect(await page.locator('.chips').count()).toBe(0);
  });
});
