/** Targets, the joint mode and the other options. */
import { expect, it } from 'vitest';

import { columns, field, inChromium, linkTo, openOptions } from './chromium.ts';
import { EXAMPLE } from './example.ts';

inChromium('the options of the page', ({ open }) => {
  it('show only the given words, all of them', async () => {
    const page = await open();
    await openOptions(page);
    await page.getByLabel('Only these words').fill(' you,me , him,it, them, us,,you ');
    const [first = [], second = []] = await columns(page);
    expect(first.map(({ word }) => word).toSorted()).toEqual(['him', 'it', 'me', 'them', 'us', 'you']);
    expect(second).toHaveLength(6);
    expect(await page.locator('#options-summary').textContent()).toBe(
      'only you, me, him, it, them, us · each gap by itself',
    );
  });

  it('change the number of candidates', async () => {
    const page = await open();
    await openOptions(page);
    await page.getByLabel('How many').selectOption('10');
    expect((await columns(page)).map(({ length }) => length)).toEqual([10, 10]);
    expect(await page.locator('#options-summary').textContent()).toBe('10 candidates · each gap by itself');
  });

  it('show the error of the API about a word that it cannot score', async () => {
    const page = await open({ allow: /status of 422/ });
    await columns(page);
    await openOptions(page);
    await page.getByLabel('Only these words').fill('☃');
    await page.getByText('No answer to this question.').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('☃');
  });

  it('fill all gaps together, one row for each combination', async () => {
    const page = await open();
    await columns(page);
    await openOptions(page);
    const sent = page.waitForRequest('**/fill-mask');
    await page.getByRole('switch', { name: 'Fill all gaps together' }).check();
    expect((await sent).postDataJSON()).toEqual({ inputs: EXAMPLE, parameters: { strategy: 'joint' } });
    const [rows = []] = await columns(page);
    expect(rows).toHaveLength(5);
    for (const { word, percent } of rows) {
      expect(word).toMatch(/^I love .+ because you are .+\.$/);
      expect(percent).toMatch(/^<?[\d.]+%$/);
    }
    const gaps = await page.locator('#sentence .best').allTextContents();
    expect(rows[0]?.word).toBe(`I love ${gaps[0]} because you are ${gaps[1]}.`);
    await page.locator('.candidate').nth(1).click();
    expect(await field(page).inputValue()).toBe(rows[1]?.word);
    await page.getByText('Click a word to hide it.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await field(page).inputValue()).toBe(EXAMPLE);
  });

  it('show how many pieces a word has', async () => {
    const page = await open({ path: linkTo('An [MASK].', { targets: 'incomprehensibilities' }) });
    expect(await columns(page)).toEqual([[{ word: 'incomprehensibilities', percent: '<0.01%' }]]);
    expect(await page.locator('.candidate').textContent()).toMatch(/[2-9] pieces/);
    expect(await page.locator('.rest').count()).toBe(0);
    await page.locator('.candidate').click();
    expect(await field(page).inputValue()).toBe('An incomprehensibilities.');
  });

  it('disable those that they exclude', async () => {
    const page = await open();
    await openOptions(page);
    const words = page.getByLabel('Only these words');
    const together = page.getByRole('switch', { name: 'Fill all gaps together' });
    await words.fill('you');
    expect(await together.isDisabled()).toBe(true);
    expect(await page.getByLabel('How many').isDisabled()).toBe(true);
    await words.fill('');
    await together.check();
    expect(await words.isDisabled()).toBe(true);
    await together.uncheck();
    expect(await words.isEnabled()).toBe(true);
  });

  it('keep the words of a link that also asks for all gaps together, and say so', async () => {
    const page = await open({ path: linkTo(EXAMPLE, { joint: 'true', targets: 'you' }) });
    await page.getByRole('alert').getByText('exclude each other: the words are kept').waitFor();
    expect(await columns(page)).toHaveLength(2);
    await openOptions(page);
    expect(await page.getByRole('switch', { name: 'Fill all gaps together' }).isChecked()).toBe(false);
  });

  it('leave out punctuation, and find words of several pieces, on request', async () => {
    const text = 'He is a doctor [MASK]';
    const page = await open({ path: linkTo(text, { top_k: '100' }) });
    await page.getByText('.', { exact: true }).first().waitFor();
    await openOptions(page);
    await page.getByRole('switch', { name: 'Only words' }).check();
    await page.getByRole('switch', { name: 'Long words too' }).check();
    await page.getByText('.', { exact: true }).first().waitFor({ state: 'detached' });
    expect(new URL(page.url()).hash).toMatch(/only_words=true&whole_words=true/);
    await page.getByRole('switch', { name: 'Fill all gaps together' }).check();
    expect(await page.getByRole('switch', { name: 'Long words too' }).isDisabled()).toBe(true);
  });
});
