/** Accessibility: keyboard, screen reader, phone, dark mode, forced colours, reduced motion. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import { columns, field, inChromium, linkTo, openOptions } from './chromium.ts';
import { EXAMPLE } from './example.ts';
import { serveTwo } from './two-models.ts';

const axe = await readFile(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');

async function violations(page: Page) {
  // Without transitions: axe must not measure a colour between two others.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.evaluate(`${axe}; undefined`);
  const { violations: found, passes } = await page.evaluate<AxeResults>('axe.run(document)');
  expect(passes.length).toBeGreaterThan(20);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

async function rejectAll(page: Page): Promise<void> {
  await page.route('**/fill-mask', (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '60' }, json: { error: 'Too many.' } }),
  );
}

const STATES: {
  state: string;
  path: string;
  reach: (page: Page) => Promise<unknown>;
  before?: (page: Page) => Promise<void>;
}[] = [
  {
    state: 'with an answer, open options and code',
    path: linkTo(EXAMPLE),
    reach: async (page) => {
      await columns(page);
      await page.locator('#model-card').waitFor();
      for (const summary of await page.locator('summary').all()) await summary.click();
    },
  },
  {
    state: 'with an answer to another text',
    path: linkTo(EXAMPLE),
    before: async (page) => {
      await page.route('**/fill-mask', async (route) => {
        if (route.request().postData()?.includes('Another') === true) return;
        await route.fallback();
      });
    },
    reach: async (page) => {
      await columns(page);
      await field(page).fill('Another [MASK].');
      await page.locator('#busy').waitFor();
    },
  },
  {
    state: 'with combinations',
    path: linkTo(EXAMPLE, { joint: 'true' }),
    reach: columns,
  },
  {
    state: 'with two models, one of which is missing from the bucket',
    path: linkTo(EXAMPLE, { compare: 'other' }),
    before: (page) =>
      serveTwo(page, (route) =>
        route.fulfill({
          status: 502,
          json: { error: `The object ${'models/'.repeat(20)} is missing from the bucket.` },
        }),
      ),
    reach: async (page) => {
      await page.locator('.pair').getByText('missing').first().waitFor();
      await page.locator('#models').waitFor();
    },
  },
  {
    state: 'without a gap',
    path: linkTo('No gap.'),
    reach: async (page) => page.getByText('Click a word to hide it.').waitFor(),
  },
  {
    state: 'with an error, a while to wait and a key',
    path: linkTo(EXAMPLE),
    before: rejectAll,
    reach: async (page) => {
      await page.getByRole('alert').getByText('in 60 seconds').waitFor();
      await page.evaluate("document.querySelector('#key-field').hidden = false");
    },
  },
  {
    state: 'comparing two sentences',
    path: '/',
    reach: async (page) => {
      await page.getByRole('tab', { name: 'Compare' }).click();
      await page.getByRole('button', { name: 'Compare' }).click();
      await page.locator('.heat').first().waitFor();
    },
  },
  {
    state: 'with the order of sentences',
    path: '/',
    reach: async (page) => {
      await page.getByRole('tab', { name: 'Order' }).click();
      await page.getByRole('button', { name: 'Check the order' }).click();
      await page.locator('#order-output .candidate').first().waitFor();
    },
  },
  {
    state: 'with tokens',
    path: linkTo('me [MASK]'),
    reach: async (page) => {
      await page.getByRole('tab', { name: 'Tokens' }).click();
      await page.locator('#tokens-output .chips').waitFor();
    },
  },
];

inChromium('the page is for everyone:', ({ open }) => {
  it.each(STATES)('axe finds nothing in light or dark, and a phone never scrolls sideways, $state', async (given) => {
    const { path, reach, before } = given;
    const page = await open({ path, colorScheme: 'light', allow: /Failed to load/, ...(before && { before }) });
    await reach(page);
    expect(await violations(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await violations(page)).toEqual([]);
  });

  it('is dark in the dark', async () => {
    const grounds: Record<string, string> = {};
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ colorScheme });
      grounds[colorScheme] = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    }
    expect(grounds).toEqual({ light: 'rgb(245, 246, 250)', dark: 'rgb(17, 19, 26)' });
  });

  it('prints the sentence and its answers in dark ink, without what one can only click', async () => {
    const page = await open({ path: linkTo(EXAMPLE), colorScheme: 'dark' });
    await columns(page);
    await page.locator('#model-card').waitFor();
    await page.evaluate("document.querySelector('#key-field').hidden = false");
    await page.emulateMedia({ media: 'print' });
    const shown = (parts: string[]) => Promise.all(parts.map((part) => page.locator(part).first().isVisible()));
    const content = ['h1', '#sentence', '.column', '.percent', '#model-card'];
    expect(await shown(content)).toEqual(content.map(() => true));
    const controls = ['nav', '#views', '#text', '.buttons', '#options', '#key', '#examples', '.code', 'footer'];
    expect(await shown(controls)).toEqual(controls.map(() => false));
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(26, 30, 43)');
    expect(await violations(page)).toEqual([]);
    // Browsers print no backgrounds, unless they are told to: bars are backgrounds, and light digits need a dark one.
    for (const part of ['.fill', '.gap .number', 'h3 .number']) {
      const adjust = `getComputedStyle(document.querySelector('${part}')).printColorAdjust`;
      expect(await page.evaluate(adjust), part).toBe('exact');
    }
    await page.evaluate("document.querySelector('.code').open = true");
    expect(await shown(['#panel-curl', '#copy'])).toEqual([true, false]);
  });

  it('has the answers in view on a phone, two columns of them, and breaks the longest word', async () => {
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
    const page = await open(phone);
    await columns(page);
    const [first, second] = await Promise.all([0, 1].map((i) => page.locator('.column').nth(i).boundingBox()));
    expect(second?.y).toBe(first?.y);
    expect((first?.y ?? 0) + (first?.height ?? 0)).toBeLessThan(844);
    // The focus would open the keyboard.
    await page.locator('.candidate').first().tap();
    expect(await page.locator('textarea:focus').count()).toBe(0);
    await page.getByRole('button', { name: 'Undo' }).tap();
    expect(await field(page).inputValue()).toBe(EXAMPLE);

    const long = await open({ ...phone, path: linkTo(`${'a'.repeat(300)} [MASK] ${'w'.repeat(300)} [MASK].`) });
    await columns(long);
    expect(await long.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('can be used by keyboard alone', async () => {
    const page = await open();
    await columns(page);
    const focused = page.locator(':focus');
    await page.keyboard.press('Tab');
    expect(await focused.textContent()).toBe('Skip to the sentence');
    await page.keyboard.press('Enter');
    expect(await focused.getAttribute('id')).toBe('text');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('We were here');
    await page.getByText('Click a word to hide it.').waitFor();
    // The words are one stop, and arrow keys move between them.
    await page.keyboard.press('Shift+Tab');
    expect(await focused.textContent()).toBe('We');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    expect(await field(page).inputValue()).toBe('We were [MASK]');
    const [[best] = []] = await columns(page);
    expect(await focused.getAttribute('class')).toBe('gap');
    expect(await focused.textContent()).toContain(best?.word);
    // Enter on a gap goes to its candidates.
    await page.keyboard.press('Enter');
    expect(await focused.textContent()).toContain(best?.word);
    expect(await focused.getAttribute('class')).toBe('candidate');
    await page.keyboard.press('Enter');
    // Without spaces: punctuation joins the word before it.
    expect((await field(page).inputValue()).replaceAll(' ', '')).toBe(`Wewere${best?.word}`);
    await page.getByText('Click a word to hide it.').waitFor();
    expect(await focused.getAttribute('id')).toBe('results-title');
    await page.getByRole('tab', { name: 'Fill gaps' }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tabpanel', { name: 'Compare' }).isVisible()).toBe(true);
  });

  it('keeps the focus in its list when another answer replaces it', async () => {
    const page = await open();
    await columns(page);
    await page.locator('.bars').nth(1).getByRole('button').nth(2).click();
    await page.locator('.column').nth(1).waitFor({ state: 'detached' });
    await columns(page);
    expect(await page.locator('.candidate:focus').count()).toBe(1);
  });

  it('leaves Ctrl+Enter on a link to the browser', async () => {
    const page = await open();
    await columns(page);
    await page.getByRole('link', { name: 'openapi.json' }).focus();
    await page.evaluate(
      "addEventListener('keydown', (event) => { document.title = String(event.defaultPrevented); event.preventDefault(); })",
    );
    await page.keyboard.press('Control+Enter');
    expect(await page.title()).toBe('false');
    await page.locator('#insert').focus();
    await page.keyboard.press('Control+Enter');
    expect(await page.title()).toBe('true');
  });

  it('shows what is on and what is off in forced colours', async () => {
    const page = await open({ forcedColors: 'active' });
    await openOptions(page);
    const toggle = page.getByRole('switch', { name: 'Relative bars' });
    const ground = 'getComputedStyle(document.querySelector("#relative")).backgroundColor';
    const before = await page.evaluate(ground);
    await toggle.check();
    expect(await page.evaluate(ground)).not.toBe(before);
    const line = (id: string) => page.evaluate(`getComputedStyle(document.querySelector("${id}")).borderBottomColor`);
    expect(await line('#view-order')).not.toBe(await line('#view-fill'));
    expect(await page.evaluate('getComputedStyle(document.querySelector(".gap")).outlineStyle')).toBe('solid');
  });

  it.each(['', 'true'])('keeps all in sight on a phone with text twice as large (joint: %s)', async (joint) => {
    const page = await open({
      path: linkTo('incomprehensibilities [MASK] and [MASK].', { ...(joint && { joint }) }),
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    await columns(page);
    await page.evaluate("document.documentElement.style.fontSize = '200%'");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    for (const part of await page
      .locator('.percent:visible, .word:visible, .gap, dd:visible, [role=tab]:visible')
      .all()) {
      const box = await part.boundingBox();
      expect(box?.x, await part.innerText()).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0), await part.innerText()).toBeLessThanOrEqual(360);
    }
  });

  it('shows where the focus is, at every stop, and stops at everything', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
    for (const summary of await page.locator('summary').all()) await summary.click();
    await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
    await page.locator('h1').click();
    const stops = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const [stop, outline] = await page.evaluate<[string, string]>(
        `[document.activeElement.outerHTML.slice(0, 200), getComputedStyle(document.activeElement).outline]`,
      );
      if (stops.has(stop) || stop.startsWith('<body')) break;
      stops.add(stop);
      expect(outline, stop).toMatch(/solid 3px$/);
    }
    const interactive = page.locator(
      'a:visible:not(.skip), button:visible:enabled:not([tabindex="-1"]), select:visible, input:visible, textarea:visible, summary:visible, pre:visible',
    );
    expect(stops.size).toBe(await interactive.count());
  });

  it('has landmarks, headings in order and names for all', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
    for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const) {
      expect(await page.getByRole(landmark).count()).toBe(1);
    }
    const headings = await page.locator('h1, h2, h3').allTextContents();
    expect(headings).toEqual(['edge-fill-mask', 'Candidates', '1 Gap 1', '2 Gap 2', 'Examples', 'The model']);
    const toolbar = await page.getByRole('toolbar', { name: 'The sentence: choose a word to hide it' }).ariaSnapshot();
    expect(toolbar).toMatch(/- button "love"/);
    expect(toolbar).toMatch(/- button "Gap 1 \w+"/);
    // The bar is decorative: the name has the percentage.
    const name = await page.locator('.candidate').first().ariaSnapshot();
    expect(name).toMatch(/^- button "\w+ \d+\.\d%"/);
  });

  it('keeps still for whoever wishes that', async () => {
    const page = await open({ reducedMotion: 'reduce' });
    expect(await page.evaluate(`getComputedStyle(document.querySelector('#insert')).transitionDuration`)).toBe('0s');
  });
});
