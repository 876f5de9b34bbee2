/** Opens the page of the bundled worker in Chromium. Every test also fails on a request to another host and on an error in the console. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject } from 'vitest';

import { executablePath, launch } from './launch.ts';

interface Opening extends BrowserContextOptions {
  readonly path?: string;
  /** Another address than that of the worker. */
  readonly at?: string;
  /** Called before the page is opened, for what a real server does not do on demand. */
  readonly before?: (page: Page) => Promise<unknown>;
  /** Console messages to ignore: the browser logs failed requests. */
  readonly allow?: RegExp;
}

export interface Setting {
  /** Origin of the worker. */
  readonly origin: () => string;
  readonly open: (opening?: Opening) => Promise<Page>;
  readonly browser: () => Browser;
}

/** A `describe` with a browser and a worker. It is skipped without a browser. */
export function inChromium(name: string, tests: (setting: Setting) => void): void {
  const reason = executablePath ? '' : ' (skipped: there is no Chromium at /usr/bin/chromium, nor where CHROMIUM says)';
  describe.skipIf(!executablePath)(`${name}${reason}`, () => {
    let origin: string;
    let browser: Browser;
    let problems: string[] = [];

    beforeAll(async () => {
      origin = inject('origin');
      browser = await launch();
    });
    afterAll(() => browser.close());
    afterEach(async () => {
      for (const context of browser.contexts()) {
        // An answer that is still being made would fail when its page is gone.
        for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
        await context.close();
      }
      const found = problems;
      problems = [];
      expect(found, 'console errors, and requests to other hosts').toEqual([]);
    });

    async function open({ path = '/', at = origin, before, allow, ...options }: Opening = {}): Promise<Page> {
      const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('console', (message) => {
        const isBad = message.type() === 'error' || message.type() === 'warning';
        if (isBad && !allow?.test(message.text())) problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        const asked = new URL(request.url());
        if (asked.origin !== new URL(at).origin && asked.protocol !== 'data:') problems.push(`asked ${request.url()}`);
      });
      await before?.(page);
      await page.goto(at + path);
      return page;
    }

    tests({ origin: () => origin, open, browser: () => browser });
  });
}

export const linkTo = (text: string, more: Record<string, string> = {}): string =>
  `/#${new URLSearchParams({ text, ...more }).toString()}`;

/** The field with the sentence. */
export const field = (page: Page): Locator => page.getByLabel('Your sentence');

export const openOptions = (page: Page): Promise<void> => page.locator('#options > summary').click();

/** The words and percentages that the page shows for the current sentence, one list per gap. */
export async function columns(page: Page): Promise<{ word: string; percent: string }[][]> {
  await page.locator('#results:not(.stale) .candidate').first().waitFor();
  const lists = await page.locator('#answer .bars').all();
  return Promise.all(
    lists.map(async (list) => {
      const words = await list.locator('.word').allTextContents();
      const percents = await list.locator('.percent').allTextContents();
      return words.map((word, i) => ({ word, percent: percents[i] ?? '' }));
    }),
  );
}
