/** Asking, choosing and sharing, with the real worker. */
import { expect, it } from 'vitest';

import { columns, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';

interface Candidate {
  score: number;
  token_str: string;
}

inChromium('the page', ({ open, origin }) => {
  it('begins with the example and without a request', async () => {
    const page = await open();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('edge-fill-mask');
    expect(await page.getByLabel('Text with a').inputValue()).toBe(EXAMPLE);
    expect(await page.locator('#answer').textContent()).toContain('The candidates appear here');
    await page.getByText('The model is albert-edge').waitFor();
  });

  it('shows two masks side by side, as in the response', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
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
      const together = await page.locator('.rest').nth(mask).textContent();
      expect(together).toBe(`Together ${(sum * 100).toFixed(1)}%; all other words ${((1 - sum) * 100).toFixed(1)}%`);
    }
    const [left, right] = await Promise.all([0, 1].map((i) => page.locator('.column').nth(i).boundingBox()));
    expect(left?.y).toBe(right?.y);
    expect(right?.x).toBeGreaterThan(left?.x ?? Number.NaN);
    expect(await page.getByRole('status').textContent()).toMatch(
      /^Best first: .+, .+\. Answer: computed by the model\.$/,
    );
  });

  it('draws the length of each bar in proportion to the best', async () => {
    const page = await open({ path: linkTo('I have never seen [MASK] before.') });
    const [list = []] = await columns(page);
    const fills = await page.locator('.fill').all();
    const widths = await Promise.all(fills.map(async (fill) => (await fill.boundingBox())?.width ?? 0));
    const best = Number.parseFloat(list[0]?.percent ?? '');
    for (const [i, { percent }] of list.entries()) {
      expect((widths[i] ?? 0) / (widths[0] ?? 1)).toBeCloseTo(Number.parseFloat(percent) / best, 1);
    }
  });

  it('inserts a mask at the cursor by the button, and replaces the selection by the key', async () => {
    const page = await open();
    const text = page.getByLabel('Text with a');
    await text.fill('A cat sat.');
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await text.press(key);
    await page.getByRole('button', { name: 'Insert [MASK]' }).click();
    expect(await text.inputValue()).toBe('A [MASK]cat sat.');
    expect(await page.getByRole('status').textContent()).toContain('[MASK] inserted');

    await text.fill('A cat sat.');
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await text.press(key);
    for (let i = 0; i < 3; i++) await text.press('Shift+ArrowRight');
    await page.keyboard.press('Alt+m');
    expect(await text.inputValue()).toBe('A [MASK] sat.');
    await page.keyboard.type('!');
    expect(await text.inputValue()).toBe('A [MASK]! sat.');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    expect(await text.inputValue()).toBe('A cat sat.');
  });

  it('shows the keyboard shortcuts', async () => {
    const page = await open();
    const insert = page.getByRole('button', { name: 'Insert [MASK]' });
    expect(await insert.getAttribute('aria-keyshortcuts')).toBe('Alt+M');
    expect(await insert.textContent()).toContain('Alt+M');
    const description = await page.locator('#text-keys').textContent();
    expect(description).toBe('Alt+M inserts [MASK] at the cursor or replaces the selection. Control+Enter asks.');
    // Alone or with Shift, the key types its letter.
    const text = page.getByLabel('Text with a');
    await text.fill('');
    await text.press('m');
    await text.press('Shift+M');
    expect(await text.inputValue()).toBe('mM');
  });

  it('sends the request by Ctrl+Enter in the text, without a new line', async () => {
    const page = await open();
    const text = page.getByLabel('Text with a');
    await text.fill('We had [MASK].');
    await text.press('Control+Enter');
    expect(await columns(page)).toHaveLength(1);
    expect(await text.inputValue()).toBe('We had [MASK].');
  });

  it('puts candidates into the text, each at its mask, and removes them again', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    const [first = [], second = []] = await columns(page);
    const [a, b, c] = [first[0]?.word ?? '', second[1]?.word ?? '', first[1]?.word ?? ''];
    const text = page.getByLabel('Text with a');
    const list = (mask: number) => page.locator('.bars').nth(mask).getByRole('button');

    await list(0).nth(0).click();
    expect(await text.inputValue()).toBe(`I love ${a} because you are [MASK].`);
    expect(await page.getByRole('status').textContent()).toBe(`Mask 1 filled with “${a}”.`);
    await list(1).nth(1).click();
    expect(await text.inputValue()).toBe(`I love ${a} because you are ${b}.`);
    await list(0).nth(1).click();
    expect(await text.inputValue()).toBe(`I love ${c} because you are ${b}.`);
    expect(await list(0).nth(1).getAttribute('aria-pressed')).toBe('true');
    expect(await list(0).nth(0).getAttribute('aria-pressed')).toBe('false');

    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await text.inputValue()).toBe(`I love ${a} because you are ${b}.`);
    expect(await list(0).nth(0).getAttribute('aria-pressed')).toBe('true');
    await text.focus();
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    expect(await text.inputValue()).toBe(EXAMPLE);
    expect(await page.locator('[aria-pressed=true]').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);

    // A second click restores the mask.
    await list(1).nth(0).click();
    await list(1).nth(0).click();
    expect(await text.inputValue()).toBe(EXAMPLE);
  });

  it('removes candidates that share half a character', async () => {
    const inputs = 'A [MASK].';
    const words = ['🦊', '🦋', '🖊'];
    const page = await open({
      path: linkTo(inputs),
      before: (opened) =>
        opened.route('**/fill-mask', (route) =>
          route.fulfill({
            json: words.map((word, token) => ({ score: 0.1, token, token_str: word, sequence: `A ${word}.` })),
          }),
        ),
    });
    await columns(page);
    const text = page.getByLabel('Text with a');
    // The fox and the butterfly share a high surrogate, the fox and the pen a low one.
    for (const i of [0, 1, 0, 2]) {
      await page.locator('.candidate').nth(i).click();
      expect(await text.inputValue()).toBe(`A ${words[i]}.`);
    }
    await text.focus();
    for (const i of [0, 1, 0]) {
      await page.keyboard.press('Control+z');
      expect(await text.inputValue()).toBe(`A ${words[i]}.`);
    }
    await page.keyboard.press('Control+z');
    expect(await text.inputValue()).toBe(inputs);
  });

  it('puts the first mask at the end of the text', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Insert [MASK]' }).click();
    expect(await page.getByLabel('Text with a').inputValue()).toBe(`${EXAMPLE}[MASK]`);
  });

  it('does not offer candidates of another text', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
    await page.getByLabel('Text with a').press('End');
    await page.keyboard.type('!');
    await page.locator('#stale').waitFor();
    expect(await page.locator('.candidate').first().isDisabled()).toBe(true);
    await page.keyboard.press('Backspace');
    expect(await page.locator('.candidate').first().isDisabled()).toBe(false);
    expect(await page.locator('#stale').isVisible()).toBe(false);
  });

  it('announces once that the text has changed, beside other messages', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
    const status = page.getByRole('status');
    await page.getByRole('button', { name: 'Insert [MASK]' }).click();
    expect(await status.textContent()).toMatch(/^The text has changed\. .+ \[MASK\] inserted\.$/);
    await page.keyboard.type('!');
    await page.keyboard.press('Alt+m');
    expect(await status.textContent()).toBe('[MASK] inserted.');
  });

  it('keeps the direction of the text, and isolates it from other text', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
    await page.getByLabel('Only these words').fill('שלום');
    const text = page.getByLabel('Text with a');
    await text.fill('אני [MASK].');
    for (const input of [text, page.getByLabel('Only these words')]) {
      expect(await input.evaluate((element) => element.matches(':dir(rtl)'))).toBe(true);
    }
    expect(await page.locator('.candidate .word > bdi').count()).toBe(10);
  });

  it('shows the chosen number of candidates', async () => {
    const page = await open();
    await page.getByLabel('How many').selectOption('10');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    expect((await columns(page)).map(({ length }) => length)).toEqual([10, 10]);
  });

  it('sends the chosen example', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'The sun rises in the [MASK].' }).click();
    expect(await columns(page)).toHaveLength(1);
    expect(await page.getByLabel('Text with a').inputValue()).toBe('The sun rises in the [MASK].');
  });

  it('shows which cache answered: the model at first, then the isolate', async () => {
    const page = await open({ path: linkTo('Nobody asked for [MASK] until now.') });
    await columns(page);
    const facts = page.locator('#facts');
    expect(await facts.textContent()).toMatch(/computed by the model.*Round trip[\d.]+ m?s.*Computed\d+ tokens/);
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await facts.getByText("cached in the worker's memory").waitFor();
    expect(await facts.textContent()).not.toContain('Computed');
  });

  it('keeps the request in its link, and sends it when the link is opened', async () => {
    const page = await open();
    const text = 'Ünïcode & #[MASK]?\nwith 100% + 🦊 "quotes"';
    await page.getByLabel('Text with a').fill(text);
    await page.getByLabel('Only these words').fill('you, me');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    const shown = await columns(page);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.getByRole('status').textContent()).toBe('Link copied.');
    const link = new URL(await page.evaluate<string>('navigator.clipboard.readText()'));
    expect(link.href).toBe(page.url());

    const other = await open({ path: link.pathname + link.hash });
    expect(await other.getByLabel('Text with a').inputValue()).toBe(text);
    expect(await columns(other)).toEqual(shown);
  });

  it('goes back to the previous request', async () => {
    const page = await open({ path: linkTo('One [MASK].', { top_k: '3' }) });
    expect((await columns(page)).map(({ length }) => length)).toEqual([3]);
    await page.getByRole('button', { name: EXAMPLE }).click();
    await page.locator('.column').nth(1).waitFor();
    await page.goBack();
    await page.locator('.column').nth(1).waitFor({ state: 'detached' });
    expect(await page.getByLabel('Text with a').inputValue()).toBe('One [MASK].');
  });

  it('treats another spelling of a link as the same request, without a step in the history', async () => {
    const page = await open();
    await page.goto(`${origin()}/#text=One%20%5BMASK%5D%2e`);
    expect(await columns(page)).toHaveLength(1);
    expect(new URL(page.url()).hash).toBe('#text=One+%5BMASK%5D.');
    await page.goBack();
    expect(page.url()).toBe(`${origin()}/`);
  });

  it('adds no step to the history for the first request or an empty text', async () => {
    const page = await open({ path: '/docs', allow: /Failed to load resource/ });
    await page.goto(`${origin()}/`);
    await page.getByRole('button', { name: EXAMPLE }).click();
    await columns(page);
    expect(new URL(page.url()).hash).toMatch(/^#text=I\+love/);
    const url = page.url();
    await page.getByLabel('Text with a').fill('');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByRole('alert').getByText(/./).waitFor();
    expect(page.url()).toBe(url);
    await page.goBack();
    expect(page.url()).toBe(`${origin()}/docs`);
  });

  it('offers the candidates again after a return to it', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    const [[best] = []] = await columns(page);
    await page.getByLabel('How many').selectOption('3');
    await page.locator('.candidate').first().click();
    await page.getByRole('link', { name: 'API documentation' }).click();
    await page.waitForURL('**/docs');
    await page.goBack();
    expect((await columns(page)).map(({ length }) => length)).toEqual([5, 5]);
    const text = page.getByLabel('Text with a');
    expect(await text.inputValue()).toBe(EXAMPLE);
    expect(await page.getByLabel('How many').inputValue()).toBe('5');
    await page.locator('.candidate').first().click();
    expect(await text.inputValue()).toBe(`I love ${best?.word} because you are [MASK].`);
  });

  it('has another shortcut where Option with a letter types a character', async () => {
    const page = await open({
      before: (opened) => opened.addInitScript("Object.defineProperty(navigator, 'platform', { value: 'MacIntel' })"),
    });
    const insert = page.getByRole('button', { name: 'Insert [MASK]' });
    expect(await insert.getAttribute('aria-keyshortcuts')).toBe('Control+M');
    const text = page.getByLabel('Text with a');
    await text.fill('');
    await page.keyboard.press('Alt+m');
    expect(await text.inputValue()).not.toContain('[MASK]');
    await page.keyboard.press('Control+m');
    expect(await text.inputValue()).toContain('[MASK]');
  });
});
