/** Accessibility: keyboard, screen reader, phone, dark mode, forced colours, reduced motion. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { columns, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';

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
    state: 'before a request',
    path: '/',
    reach: async (page) => page.getByText('The model is albert-edge').waitFor(),
  },
  {
    state: 'with an answer that was chosen from, and with tokens',
    path: linkTo(EXAMPLE),
    reach: async (page) => {
      await columns(page);
      await page.locator('.candidate').nth(1).click();
      await page.getByText('How it was tokenized').click();
      await page.locator('.chips').waitFor();
    },
  },
  {
    state: 'with an answer to another text',
    path: linkTo(EXAMPLE),
    reach: async (page) => {
      await columns(page);
      await page.getByLabel('Text with a').fill('Another [MASK].');
    },
  },
  {
    state: 'with combinations',
    path: linkTo(EXAMPLE, { joint: 'true' }),
    reach: async (page) => {
      await columns(page);
      await page.locator('.candidate').nth(1).click();
    },
  },
  {
    state: 'with a conflict of options',
    path: linkTo(EXAMPLE, { joint: 'true', targets: 'you' }),
    reach: async (page) => page.getByRole('alert').getByText('exclude').waitFor(),
  },
  {
    state: 'with an error, and a while to wait',
    path: linkTo(EXAMPLE),
    before: rejectAll,
    reach: async (page) => page.getByRole('alert').getByText('in 60 seconds').waitFor(),
  },
];

inChromium('the page is for everyone:', ({ open }) => {
  describe.each(['light', 'dark'] as const)('axe finds no fault in the %s scheme', (colorScheme) => {
    it.each(STATES)('$state', async ({ path, reach, before }) => {
      const page = await open({
        path,
        colorScheme,
        allow: /Failed to load/,
        ...(before && { before }),
      });
      await reach(page);
      expect(await violations(page)).toEqual([]);
    });
  });

  it('is dark in the dark scheme', async () => {
    const grounds: Record<string, string> = {};
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({ colorScheme });
      grounds[colorScheme] = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    }
    expect(grounds).toEqual({ light: 'rgb(245, 246, 250)', dark: 'rgb(17, 19, 26)' });
  });

  it.each(STATES)('never scrolls sideways on a phone of 360 pixels $state', async ({ path, reach, before }) => {
    const page = await open({
      path,
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
      allow: /Failed to load/,
      ...(before && { before }),
    });
    await reach(page);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('stacks the columns on a phone, and breaks the longest word', async () => {
    const page = await open({
      path: linkTo(`${'a'.repeat(300)} [MASK] ${'w'.repeat(300)} [MASK].`),
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    await columns(page);
    const [first, second] = await Promise.all([0, 1].map((i) => page.locator('.column').nth(i).boundingBox()));
    expect(second?.x).toBe(first?.x);
    expect(second?.y).toBeGreaterThan((first?.y ?? 0) + (first?.height ?? 0));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);

    // The focus would open the keyboard.
    await page.locator('.candidate').first().tap();
    expect(await page.locator('textarea:focus').count()).toBe(0);
    await page.getByRole('button', { name: 'Undo' }).tap();
    expect(await page.getByLabel('Text with a').inputValue()).toContain('a [MASK] w');
  });

  it('can be used by keyboard alone', async () => {
    const page = await open();
    const focused = page.locator(':focus');
    const tabTo = async (name: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        if ((await focused.count()) > 0 && (await focused.textContent())?.includes(name)) return;
      }
      throw new Error(`the focus never reaches ${name}`);
    };
    await page.keyboard.press('Tab');
    expect(await focused.textContent()).toBe('Skip to the text');
    await page.keyboard.press('Enter');
    expect(await focused.getAttribute('id')).toBe('text');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('We were ');
    await page.keyboard.press('Alt+m');
    await page.keyboard.type('.');
    await page.keyboard.press('Control+Enter');
    const [[best] = []] = await columns(page);
    await tabTo(best?.word ?? '');
    await page.keyboard.press('Enter');
    expect(await page.getByLabel('Text with a').inputValue()).toBe(`We were ${best?.word}.`);
    // The focus stays where it was.
    expect(await focused.getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('Space');
    expect(await page.getByLabel('Text with a').inputValue()).toBe('We were [MASK].');
    await tabTo('How it was tokenized');
    await page.keyboard.press('Enter');
    expect(await page.locator('#tokens').getAttribute('open')).toBe('');
    await page.locator('.chips').waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY');
  }, 60_000);

  it('keeps the focus when the focused element disappears', async () => {
    const newer = Promise.withResolvers<void>();
    const page = await open({
      path: linkTo(EXAMPLE),
      before: (opened) =>
        opened.route('**/fill-mask', async (route) => {
          if (route.request().postData()?.includes('slow')) await newer.promise;
          await route.fallback();
        }),
    });
    await columns(page);
    const focused = page.locator(':focus');
    await page.locator('.candidate').first().focus();
    await page.keyboard.press('Control+Enter');
    await page.locator('#results-title:focus').waitFor();
    expect(await focused.textContent()).toBe('Candidates');
    await columns(page);

    await page.getByLabel('Text with a').fill('A slow [MASK].');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('button', { name: 'Cancel' }).focus();
    newer.resolve();
    await page.locator('.column').nth(1).waitFor({ state: 'detached' });
    expect(await focused.textContent()).toBe('Candidates');
  });

  it('leaves Ctrl+Enter on a link to the browser', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'openapi.json' }).focus();
    await page.evaluate(
      "addEventListener('keydown', (event) => { document.title = String(event.defaultPrevented); event.preventDefault(); })",
    );
    await page.keyboard.press('Control+Enter');
    expect(await page.title()).toBe('false');
    await page.locator('#ask').focus();
    await page.keyboard.press('Control+Enter');
    expect(await page.title()).toBe('true');
    await columns(page);
  });

  it('distinguishes on and off in forced colours', async () => {
    const page = await open({ forcedColors: 'active' });
    const look = async () => (await page.getByRole('switch').screenshot()).toString('base64');
    const off = await look();
    const ground = 'getComputedStyle(document.querySelector("#joint")).backgroundColor';
    const before = await page.evaluate(ground);
    await page.getByRole('switch').check();
    expect(await page.evaluate(ground)).not.toBe(before);
    expect(await look()).not.toBe(off);
    const line = (id: string) => page.evaluate(`getComputedStyle(document.querySelector("${id}")).borderBottomColor`);
    expect(await line('#tab-python')).not.toBe(await line('#tab-curl'));
  });

  it.each(['', 'true'])('keeps everything visible on a phone with text of double size (joint: %s)', async (joint) => {
    const page = await open({
      path: linkTo('incomprehensibilities [MASK] and [MASK].', { ...(joint && { joint }) }),
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    await columns(page);
    await page.evaluate("document.documentElement.style.fontSize = '200%'");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    for (const part of await page.locator('#copy, .percent, .word, dd, [role=tab]').all()) {
      const box = await part.boundingBox();
      expect(box?.x, await part.innerText()).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0), await part.innerText()).toBeLessThanOrEqual(360);
    }
  });

  it('shows the focus at every stop, and stops at every control', async () => {
    const page = await open({ path: linkTo(EXAMPLE) });
    await columns(page);
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
      'a:visible, button:visible:enabled:not([tabindex="-1"]), select:visible, input:visible, textarea:visible, summary:visible, pre:visible',
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
    expect(headings).toEqual([
      'edge-fill-mask',
      'Your question',
      'Examples',
      'Candidates',
      'Mask 1',
      'Mask 2',
      'The same request as code',
    ]);
    // The bar is decorative: the name has the percentage.
    const name = await page.locator('.candidate').first().ariaSnapshot();
    expect(name).toMatch(/^- button "\w+ \d+\.\d%"/);
  });

  it('does not move if the user prefers reduced motion', async () => {
    const page = await open({ reducedMotion: 'reduce' });
    expect(await page.evaluate(`getComputedStyle(document.querySelector('#ask')).transitionDuration`)).toBe('0s');
  });
});
