/** Faults, and how the page reports them. A real server does not fail on demand, so the tests answer in its place. */
import type { Page, Route } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { columns, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';

const LOGGED = /Failed to load resource/;

/** Responses that replace those of the server. */
const instead = (answer: (route: Route) => Promise<void>) => ({
  allow: LOGGED,
  before: (page: Page) => page.route('**/fill-mask', answer),
});
const candidate = (token_str: string, sequence: string, score: unknown = 0.5) => ({
  score,
  token: 1,
  token_str,
  sequence,
});

inChromium('the page, when something is wrong,', ({ open }) => {
  it('shows the error message of the API unchanged', async () => {
    const page = await open({ path: linkTo('Nothing <b>to</b> fill.'), allow: LOGGED });
    await page.getByRole('alert').getByText('inputs has no mask. Put [MASK] where a word is missing.').waitFor();
    expect(await page.locator('#answer').textContent()).toBe('No answer to this question.');
  });

  it('asks for a key when the deployment needs one, sends it, and keeps it only if asked', async () => {
    const KEY = '0123456789abcdef-page';
    const sent: (string | undefined)[] = [];
    const page = await open({
      allow: LOGGED,
      before: (each) =>
        each.route('**/fill-mask', async (route) => {
          const given = route.request().headers()['authorization'];
          sent.push(given);
          if (given === `Bearer ${KEY}`) return route.continue();
          return route.fulfill({
            status: 401,
            json: { error: 'This deployment needs an API key.', error_type: 'key_missing' },
          });
        }),
    });
    const key = page.getByLabel('API key of this deployment');
    expect(await key.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByRole('alert').getByText('This deployment needs an API key.').waitFor();
    await page.locator('#key:focus').waitFor();
    expect(await page.locator('#panel-curl').textContent()).toContain('authorization: Bearer YOUR_KEY');
    await key.fill(KEY);
    await key.press('Enter');
    expect(await columns(page)).toHaveLength(2);
    expect(sent).toEqual([undefined, `Bearer ${KEY}`]);
    const stored = () => page.evaluate(() => localStorage.length);
    expect(await stored()).toBe(0);
    await page.getByRole('switch', { name: 'Remember it in this browser' }).check();
    expect(await stored()).toBe(1);
    await page.reload();
    expect(await key.inputValue()).toBe(KEY);
    await page.getByRole('switch', { name: 'Remember it in this browser' }).uncheck();
    expect(await stored()).toBe(0);
  });

  it('survives a server that is down, and works once it is up', async () => {
    const page = await open(instead((route) => route.abort('connectionrefused')));
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
    await page.unroute('**/fill-mask');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    expect(await columns(page)).toHaveLength(2);
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  it('shows that it is waiting, and can be cancelled', async () => {
    let asked = 0;
    const page = await open(
      instead(async (route) => {
        asked++;
        // Never answered: the request ends with the page.
        await new Promise((resolve) => route.request().frame().page().once('close', resolve));
      }),
    );
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByText('Waiting for the answer…').waitFor();
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('true');
    const failed = page.waitForEvent('requestfailed');
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect((await failed).failure()?.errorText).toBe('net::ERR_ABORTED');
    expect(await page.getByText('Waiting for the answer…').isVisible()).toBe(false);
    expect(await page.getByRole('status').textContent()).toBe('Cancelled.');
    expect(await page.getByRole('alert').textContent()).toBe('');

    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByText('Waiting for the answer…').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('button', { name: 'Cancel' }).isVisible()).toBe(false);
    expect(asked).toBe(2);
  });

  it('never lets a late response overwrite a newer one, or end the wait for it', async () => {
    const newer = Promise.withResolvers<void>();
    const page = await open(
      instead(async (route) => {
        const { inputs } = route.request().postDataJSON() as { inputs: string };
        // The older one is never answered: it ends when it is aborted, or with the page.
        if (inputs === 'The slow [MASK].') return;
        await newer.promise;
        await route.fulfill({ json: [candidate('newer', inputs.replace('[MASK]', 'newer'))] });
      }),
    );
    const text = page.getByLabel('Text with a');
    const waiting = page.getByText('Waiting for the answer…');
    await text.fill('The slow [MASK].');
    await text.press('Control+Enter');
    await waiting.waitFor();
    const aborted = page.waitForEvent('requestfailed');
    await text.fill('The quick [MASK].');
    await text.press('Control+Enter');
    const older = await aborted;
    expect(older.postDataJSON()).toEqual({ inputs: 'The slow [MASK].' });
    expect(older.failure()?.errorText).toBe('net::ERR_ABORTED');
    // The page has handled the abort by now and waits only for the newer one.
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 100))');
    expect(await waiting.isVisible()).toBe(true);
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('true');
    newer.resolve();
    expect(await columns(page)).toEqual([[{ word: 'newer', percent: '50.0%' }]]);
    expect(await waiting.isVisible()).toBe(false);
  });

  it('shows how long to wait after a 429, waits, and retries', async () => {
    let asked = 0;
    const page = await open(
      instead((route) =>
        asked++ === 0
          ? route.fulfill({ status: 429, headers: { 'retry-after': '2' }, json: { error: 'Too many at once.' } })
          : route.fallback(),
      ),
    );
    const button = page.locator('#ask');
    await button.click();
    await page.getByRole('alert').getByText('Too many at once. You can ask again in 2 seconds.').waitFor();
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    await button.click({ force: true });
    expect(await page.getByRole('status').textContent()).toMatch(/^Wait [12] seconds? before you ask again/);
    expect(asked).toBe(1);
    await page.getByRole('status').getByText('You can ask again now.').waitFor();
    expect(await button.getAttribute('aria-disabled')).toBeNull();
    expect(await page.getByRole('alert').textContent()).toBe('');
    await button.click();
    expect(await columns(page)).toHaveLength(2);
  });

  it('accepts a date in Retry-After, and a 429 without the header', async () => {
    let wait: Record<string, string> = { 'retry-after': new Date(Date.now() + 3 * 3600_000).toUTCString() };
    const page = await open(
      instead((route) => route.fulfill({ status: 429, headers: wait, body: '<h1>Slow down</h1>' })),
    );
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page
      .getByRole('alert')
      .getByText('too many requests at the moment (status 429). You can ask again in 3 hours.')
      .waitFor();
    wait = {};
    await page.reload();
    await page.getByRole('alert').getByText('too many requests at the moment (status 429).').waitFor();
    expect(await page.locator('#ask').getAttribute('aria-disabled')).toBeNull();
  });

  describe('and the response is invalid,', () => {
    const html = { contentType: 'text/html', body: '<!doctype html><script>alert(1)</script><h1>Sign in</h1>' };
    it.each([
      ['HTML with status 200', { status: 200, ...html }, 'a body that is not JSON'],
      ['HTML with status 404', { status: 404, ...html }, 'status 404 and a body that is not JSON'],
      ['HTML with status 502', { status: 502, ...html }, 'The server failed (status 502)'],
      ['broken JSON', { status: 200, body: '[[{"score": 0.2,' }, 'a body that is not JSON'],
      ['nothing', { status: 200, body: '' }, 'a body that is not JSON'],
      [
        'an error that is not a sentence',
        { status: 400, json: { error: { code: 7 } } },
        'status 400 and did not say why',
      ],
      ['an object', { status: 200, json: { hello: 'world' } }, 'an unknown format'],
      ['null', { status: 200, json: null }, 'an unknown format'],
      ['one list for two masks', { status: 200, json: [candidate('a', 'b')] }, 'an unknown format'],
      ['a score that is a text', { status: 200, json: [[candidate('a', 'b', '0.5')], []] }, 'an unknown format'],
      ['a score above 1', { status: 200, json: [[candidate('a', 'b', 7)], []] }, 'an unknown format'],
      ['a candidate without a word', { status: 200, json: [[{ score: 0.1, token: 1 }], []] }, 'an unknown format'],
    ])('such as %s, reports that', async (_, answer, sentence) => {
      const page = await open(instead((route) => route.fulfill(answer)));
      await page.getByRole('button', { name: 'Ask', exact: true }).click();
      await page.getByRole('alert').getByText(sentence).waitFor();
      expect(await page.locator('.candidate').count()).toBe(0);
      expect(await page.getByRole('button', { name: 'Ask', exact: true }).isEnabled()).toBe(true);
    });
  });

  it('shows no candidates for empty lists', async () => {
    const page = await open(instead((route) => route.fulfill({ json: [[], []] })));
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.locator('.column').nth(1).waitFor();
    expect(await page.locator('.candidate').count()).toBe(0);
  });

  it('never treats text as HTML, wherever it comes from', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const text = `${evil} [MASK]`;
    const page = await open({
      ...instead((route) => route.fulfill({ json: [candidate(evil, `${evil} ${evil}`)] })),
      allow: /TrustedHTML/,
      path: linkTo(text),
    });
    expect(await columns(page)).toEqual([[{ word: evil, percent: '50.0%' }]]);
    await page.locator('.candidate').click();
    expect(await page.getByLabel('Text with a').inputValue()).toBe(`${evil} ${evil}`);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toBe('edge-fill-mask');
    // The browser itself would reject it.
    await expect(page.evaluate('void (document.body.innerHTML = "<b>a</b>")')).rejects.toThrow(/TrustedHTML/);
  });

  it('opens an invalid link as a new page', async () => {
    const page = await open({ path: '/#top_k=5&%E0%A4%A' });
    expect(await page.getByLabel('Text with a').inputValue()).toBe(EXAMPLE);
    const odd = await open({ path: linkTo('An odd [MASK].', { top_k: '1e9', joint: 'perhaps' }) });
    expect((await columns(odd)).map(({ length }) => length)).toEqual([5]);
  });
});
