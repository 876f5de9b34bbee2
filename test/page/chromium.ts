/** A real Chromium that opens the page of the bundled worker. Every test also proves that nothing else is asked, and nothing fails. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject } from 'vitest';

import { deploy, type Deployed } from '../deployed.ts';
import { executablePath, launch } from './launch.ts';

interface Opening extends BrowserContextOptions {
  readonly path?: string;
  /** Before the page is opened: for what a real server does not show. */
  readonly before?: (page: Page) => Promise<unknown>;
  /** The browser itself notes in its console that a request failed. */
  readonly admit?: RegExp;
}

/** What the tests of one file share. */
export interface Setting {
  /** Of the worker. */
  readonly origin: () => string;
  readonly open: (opening?: Opening) => Promise<Page>;
  readonly browser: () => Browser;
}

/** A describe whose tests have a browser and a worker, and are skipped where there is no browser. */
export function inChromium(name: string, tests: (setting: Setting) => void): void {
  const reason = executablePath ? '' : ' (skipped: there is no Chromium at /usr/bin/chromium, nor where CHROMIUM says)';
  describe.skipIf(!executablePath)(`${name}${reason}`, () => {
    let browser: Browser;
    let server: Deployed;
    let complaints: string[] = [];

    beforeAll(async () => {
      [browser, server] = await Promise.all([launch(), deploy(inject('built'))]);
    });
    afterAll(async () => {
      await browser.close();
      await server.close();
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      const found = complaints;
      complaints = [];
      expect(found, 'complaints of the browser, and requests to elsewhere').toEqual([]);
    });

    async function open({ path = '/', before, admit, ...options }: Opening = {}): Promise<Page> {
      const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('console', (message) => {
        const isBad = message.type() === 'error' || message.type() === 'warning';
        if (isBad && !admit?.test(message.text())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== server.url.origin && protocol !== 'data:') complaints.push(`asked ${request.url()}`);
      });
      await before?.(page);
      await page.goto(server.url.origin + path);
      return page;
    }

    tests({ origin: () => server.url.origin, open, browser: () => browser });
  });
}

export const linkTo = (text: string, more: Record<string, string> = {}): string =>
  `/#${new URLSearchParams({ text, ...more }).toString()}`;

/** What the page shows while it has an answer: words and percentages, a list for each mask. */
export async function columns(page: Page): Promise<{ word: string; percent: string }[][]> {
  await page.locator('#answer .candidate').first().waitFor();
  const lists = await page.locator('#answer .bars').all();
  return Promise.all(
    lists.map(async (list) => {
      const words = await list.locator('.word').allTextContents();
      const percents = await list.locator('.percent').allTextContents();
      return words.map((word, i) => ({ word, percent: percents[i] ?? '' }));
    }),
  );
}
