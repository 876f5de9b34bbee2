/** Asking, choosing and sharing, with the real worker. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import { columns, field, inChromium, linkTo, openOptions } from './chromium.ts';
import { EXAMPLE } from './example.ts';

interface Candidate {
  score: number;
  token_str: string;
}

/** Records the bodies that are sent. */
function record(bodies: unknown[]) {
  return async (page: Page) =>
    page.on('request', (request) => {
      if (request.method() === 'POST') bodies.push(request.postDataJSON());
    });
}

const best = (page: Page) => page.locator('#sentence .gap .best').allTextContents();

inChromium('the page', ({ open, origin }) => {
  it('answers its example on load, as the API does, below the sentence and in its gaps', async () => {
    const page = await open();
    const shown = await columns(page);
    const response = await fetch(`${origin()}/fill-mask`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: EXAMPLE }),
    });
    const answered = (await response.json()) as Candidate[][];
    expect(shown.map((list) => list.map(({ word }) => word))).toEqual(
      answered.map((list) => list.map(({ token_str }) => token_str)),
    );
    for (const [mask, list] of answered.entries()) {
      for (const [i, { score }] of list.entries()) {
        expect(Number.parseFloat(shown[mask]?.[i]?.percent ?? '')).toBeCloseTo(score * 100, 1);
      }
      const sum = list.reduce((all, { score }) => all + score, 0);
      expect(await page.locator('.rest').nth(mask).textContent()).toBe(
        `Together ${(sum * 100).toFixed(1)}%; all other words ${((1 - sum) * 100).toFixed(1)}%`,
      );
    }
    expect(await best(page)).toEqual(answered.map(([first]) => first?.token_str));
    expect(await page.getByRole('status').textContent()).toBe(
      `Gap 1: ${answered[0]?.[0]?.token_str}. Gap 2: ${answered[1]?.[0]?.token_str}.`,
    );
    expect(page.url()).toBe(`${origin()}/`);
    const [left, right] = await Promise.all([0, 1].map((i) => page.locator('.column').nth(i).boundingBox()));
    expect(left?.y).toBe(right?.y);
    expect(right?.x).toBeGreaterThan(left?.x ?? Number.NaN);
  });

  it('asks while a person types, once for each pause, and not again what is shown', async () => {
    const bodies: unknown[] = [];
    const page = await open({ before: record(bodies) });
    await columns(page);
    await page.evaluate(`
      const area = document.querySelector('#text');
      for (const text of ['The', 'The [MASK]', 'The [MASK] barked.']) {
        area.value = text;
        area.dispatchEvent(new Event('input', { bubbles: true }));
      }`);
    expect(await page.locator('#results').getAttribute('class')).toBe('stale');
    expect(await columns(page)).toHaveLength(1);
    expect(bodies).toEqual([{ inputs: EXAMPLE }, { inputs: 'The [MASK] barked.' }]);
    expect(new URL(page.url()).hash).toBe('#text=The+%5BMASK%5D+barked.');
    await field(page).press('End');
    await page.keyboard.type('!');
    await page.keyboard.press('Backspace');
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 600))');
    expect(bodies.slice(2).every((body) => JSON.stringify(body) !== JSON.stringify(bodies[1]))).toBe(true);
    // One can always ask again.
    const again = page.waitForRequest('**/fill-mask');
    await page.keyboard.press('Control+Enter');
    expect((await again).postDataJSON()).toEqual({ inputs: 'The [MASK] barked.' });
  });

  it('understands other spellings of a gap, and keeps them where nothing is filled in', async () => {
    const bodies: unknown[] = [];
    const page = await open({ path: linkTo('I ____ you, [mask] and ... .'), before: record(bodies) });
    const [[first] = []] = await columns(page);
    expect(bodies).toEqual([{ inputs: 'I [MASK] you, [MASK] and [MASK] .' }]);
    await page.locator('.candidate').first().click();
    expect(await field(page).inputValue()).toBe(`I ${first?.word} you, [mask] and ... .`);
    expect(await columns(page)).toHaveLength(2);
    expect(bodies[1]).toEqual({ inputs: `I ${first?.word} you, [MASK] and [MASK] .` });
  });

  it('hides a word that is clicked, and fills a candidate in, asking for the other gaps again', async () => {
    const page = await open({ path: linkTo('The dog sat on the mat.') });
    await page.getByText('Click a word to hide it.').waitFor();
    await page.getByRole('button', { name: 'dog' }).click();
    expect(await field(page).inputValue()).toBe('The [MASK] sat on the mat.');
    await columns(page);
    await page.getByRole('button', { name: 'mat', exact: true }).click();
    expect(await field(page).inputValue()).toBe('The [MASK] sat on the [MASK].');
    const [, second = []] = await columns(page);
    await page.locator('.bars').nth(1).getByRole('button').nth(1).click();
    const filled = `The [MASK] sat on the ${second[1]?.word}.`;
    expect(await field(page).inputValue()).toBe(filled);
    expect(await columns(page)).toHaveLength(1);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await field(page).inputValue()).toBe('The [MASK] sat on the [MASK].');
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await field(page).inputValue()).toBe('The [MASK] sat on the mat.');
    // Each choice is a step in the history of the browser.
    await page.goBack();
    await page.goBack();
    expect(await field(page).inputValue()).not.toBe(filled);
  });

  it('sends nothing without a gap, and says what to do', async () => {
    const bodies: unknown[] = [];
    const page = await open({ path: linkTo('No gap here.'), before: record(bodies) });
    await page.getByText('Click a word to hide it.').waitFor();
    await field(page).fill('');
    await page.getByText('Type a sentence.').waitFor();
    await field(page).fill('Nothing to predict.');
    await page.getByText('Click a word to hide it.').waitFor();
    expect(bodies).toEqual([]);
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  it('draws bars as a share of 100%, or relative to the best', async () => {
    const page = await open({ path: linkTo('I have never seen [MASK] before.') });
    const [list = []] = await columns(page);
    const track = (await page.locator('.track').first().boundingBox())?.width ?? Number.NaN;
    const widths = async () =>
      Promise.all((await page.locator('.fill').all()).map(async (fill) => (await fill.boundingBox())?.width ?? 0));
    const percents = list.map(({ percent }) => Number.parseFloat(percent));
    const shares = await widths();
    for (const [i, value] of percents.entries()) {
      expect(shares[i]).toBeCloseTo(Math.max(2, (track * value) / 100), 0);
    }
    await openOptions(page);
    await page.getByRole('switch', { name: 'Relative bars' }).check();
    const relative = await widths();
    expect(relative[0]).toBeCloseTo(track, 0);
    for (const [i, value] of percents.entries()) {
      expect((relative[i] ?? 0) / track).toBeCloseTo(value / (percents[0] ?? 1), 1);
    }
    expect(await page.locator('#options-summary').textContent()).toContain('relative bars');
  });

  it('shows word pieces as pieces, and tiny numbers in a readable way', async () => {
    const page = await open({
      path: linkTo('A [MASK].'),
      before: (opened) =>
        opened.route('**/fill-mask', (route) =>
          route.fulfill({
            json: [
              { score: 0.9996, token: 1, token_str: '##ing', sequence: 'A ##ing.' },
              { score: 0.000_05, token: 2, token_str: 'dog', sequence: 'A dog.' },
            ],
          }),
        ),
    });
    expect(await columns(page)).toEqual([
      [
        { word: '‑ing', percent: '>99.9%' },
        { word: 'dog', percent: '<0.01%' },
      ],
    ]);
    expect(await page.locator('.candidate .piece').count()).toBe(1);
  });

  it('inserts a gap at the cursor by the button, and over the selection by the key', async () => {
    const page = await open();
    const text = field(page);
    await text.fill('A cat sat.');
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await text.press(key);
    await page.getByRole('button', { name: 'Insert gap' }).click();
    expect(await text.inputValue()).toBe('A [MASK]cat sat.');
    await text.fill('A cat sat.');
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await text.press(key);
    for (let i = 0; i < 3; i++) await text.press('Shift+ArrowRight');
    await page.keyboard.press('Alt+m');
    expect(await text.inputValue()).toBe('A [MASK] sat.');
    await page.keyboard.type('!');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    expect(await text.inputValue()).toBe('A cat sat.');
    // Alone or with Shift, the key types its letter.
    await text.fill('');
    await text.press('m');
    await text.press('Shift+M');
    expect(await text.inputValue()).toBe('mM');
    const insert = page.getByRole('button', { name: 'Insert gap' });
    expect(await insert.getAttribute('aria-keyshortcuts')).toBe('Alt+M');
    expect(await page.locator('#text-keys').textContent()).toBe(
      'Alt+M inserts [MASK] at the cursor or replaces the selection. Control+Enter asks again.',
    );
  });

  it('undoes candidates that share a surrogate', async () => {
    const words = ['🦊', '🦋', '🖊'];
    const page = await open({
      path: linkTo('A [MASK] [MASK].'),
      before: (opened) =>
        opened.route('**/fill-mask', (route) => {
          const { inputs } = route.request().postDataJSON() as { inputs: string };
          const list = words.map((word, token) => {
            return { score: 0.1, token, token_str: word, sequence: inputs.replace('[MASK]', word) };
          });
          return route.fulfill({ json: inputs.split('[MASK]').length > 2 ? [list, list] : list });
        }),
    });
    await columns(page);
    await page.locator('.candidate').first().click();
    expect(await field(page).inputValue()).toBe('A 🦊 [MASK].');
    await columns(page);
    await page.locator('.candidate').nth(1).click();
    expect(await field(page).inputValue()).toBe('A 🦊 🦋.');
    await field(page).focus();
    await page.keyboard.press('Control+z');
    expect(await field(page).inputValue()).toBe('A 🦊 [MASK].');
    await page.keyboard.press('Control+z');
    expect(await field(page).inputValue()).toBe('A [MASK] [MASK].');
  });

  it('keeps texts in their own direction, words of other scripts, and emoji', async () => {
    const page = await open({ path: linkTo('אני אוהב [MASK] 🦊.') });
    await columns(page);
    for (const part of [field(page), page.locator('#sentence')]) {
      expect(await part.evaluate((element) => element.matches(':dir(rtl)'))).toBe(true);
    }
    expect(await page.locator('#sentence .word').allTextContents()).toEqual(['אני', 'אוהב']);
    expect(await page.locator('.candidate .word > bdi').count()).toBe(5);
    await page.locator('#sentence .word').first().focus();
    await page.keyboard.press('ArrowLeft');
    expect(await page.locator('#sentence :focus').textContent()).toBe('אוהב');
  });

  it('stays usable after a paste of 100 kB', async () => {
    const page = await open({ allow: /Failed to load/ });
    await columns(page);
    await field(page).fill(`${'lorem ipsum '.repeat(8400)}[MASK].`);
    await page.getByText('too long to show it as words').waitFor();
    await page.getByRole('alert').getByText(/./).waitFor();
    await field(page).fill('Short [MASK].');
    expect(await columns(page)).toHaveLength(1);
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  it('says which cache answered: the model at first, then the isolate', async () => {
    const page = await open({ path: linkTo('Nobody asked for [MASK] until now.') });
    await columns(page);
    const facts = page.locator('#facts');
    expect(await facts.textContent()).toMatch(/computed by the model.*Round trip[\d.]+ m?s.*Computed\d+ tokens/);
    await field(page).press('Control+Enter');
    await facts.getByText("cached in the worker's memory").waitFor();
    expect(await facts.textContent()).not.toContain('Computed');
  });

  it('keeps the question in its link, and asks it for whoever opens that', async () => {
    const page = await open();
    const text = 'Ünïcode & #[MASK]?\nwith 100% + 🦊 "quotes"';
    await openOptions(page);
    await page.getByLabel('Only these words').fill('you, me');
    await field(page).fill(text);
    const shown = await columns(page);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.getByRole('status').textContent()).toBe('Link copied.');
    const link = new URL(await page.evaluate<string>('navigator.clipboard.readText()'));
    expect(link.href).toBe(page.url());
    const other = await open({ path: link.pathname + link.hash });
    expect(await field(other).inputValue()).toBe(text);
    expect(await columns(other)).toEqual(shown);
  });

  it('has a preview for those to whom its link is sent', async () => {
    const page = await open();
    const image = await page.locator('meta[property="og:image"]').getAttribute('content');
    expect(image).toBe(`${origin()}/preview.png`);
    const response = await fetch(image ?? '');
    expect(response.headers.get('content-type')).toBe('image/png');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([1200, 630]);
  });

  it('goes back to the question before', async () => {
    const page = await open({ path: linkTo('One [MASK].', { top_k: '3' }) });
    expect((await columns(page)).map(({ length }) => length)).toEqual([3]);
    await page.getByRole('button', { name: EXAMPLE }).click();
    await page.locator('.column').nth(1).waitFor();
    await page.goBack();
    await page.locator('.column').nth(1).waitFor({ state: 'detached' });
    expect(await field(page).inputValue()).toBe('One [MASK].');
    // A link that is encoded differently is the same question, and no new entry of the history.
    await page.goto(`${origin()}/#text=One%20%5BMASK%5D%2e&top_k=3`);
    await columns(page);
    expect(new URL(page.url()).hash).toBe('#text=One+%5BMASK%5D.&top_k=3');
  });

  it('can be used again after a visit to another page', async () => {
    const page = await open({ path: linkTo(EXAMPLE), allow: /Failed to load resource/ });
    await columns(page);
    await page.getByRole('link', { name: 'API documentation' }).click();
    await page.waitForURL('**/docs');
    await page.goBack();
    expect((await columns(page)).map(({ length }) => length)).toEqual([5, 5]);
    expect(await field(page).inputValue()).toBe(EXAMPLE);
  });

  it('has another key where Option with a letter types a character', async () => {
    const page = await open({
      before: (opened) => opened.addInitScript("Object.defineProperty(navigator, 'platform', { value: 'MacIntel' })"),
    });
    expect(await page.getByRole('button', { name: 'Insert gap' }).getAttribute('aria-keyshortcuts')).toBe('Control+M');
    await field(page).fill('');
    await page.keyboard.press('Alt+m');
    expect(await field(page).inputValue()).not.toContain('[MASK]');
    await page.keyboard.press('Control+m');
    expect(await field(page).inputValue()).toContain('[MASK]');
  });
});
