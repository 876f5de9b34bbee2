/** Faults, and how the page reports them. A real server does not fail on demand, so the tests answer in its place. */
import type { Page, Route } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { columns, field, inChromium, linkTo } from './chromium.ts';
import { EXAMPLE } from './example.ts';

const LOGGED = /Failed to load resource/;

/** Answers in place of the server. */
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
  it('shows the error of the API as it is', async () => {
    const page = await open({ path: linkTo('Fill <b>this</b> [MASK].', { targets: '☃' }), allow: LOGGED });
    await page.getByRole('alert').getByText('☃').waitFor();
    expect(await page.locator('#answer').textContent()).toBe('No answer to this question.');
  });

  it('survives a server that is down, and asks again once it is up', async () => {
    const page = await open(instead((route) => route.abort('connectionrefused')));
    await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
    await page.unroute('**/fill-mask');
    await page.getByRole('button', { name: 'Ask again' }).click();
    expect(await columns(page)).toHaveLength(2);
    expect(await page.getByRole('alert').textContent()).toBe('');
    expect(await page.getByRole('button', { name: 'Ask again' }).isVisible()).toBe(false);
  });

  it('shows that it waits, and can be cancelled', async () => {
    const page = await open(
      instead(async (route) => {
        // Never answered: the request ends with the page.
        await new Promise((resolve) => route.request().frame().page().once('close', resolve));
      }),
    );
    await page.getByText('Waiting for the answer…').waitFor();
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('true');
    const failed = page.waitForEvent('requestfailed');
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect((await failed).failure()?.errorText).toBe('net::ERR_ABORTED');
    expect(await page.getByText('Waiting for the answer…').isVisible()).toBe(false);
    await page.getByRole('alert').getByText('Cancelled.').waitFor();
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('Waiting for the answer…').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('button', { name: 'Cancel' }).isVisible()).toBe(false);
  });

  it('never lets a late answer overwrite a newer one, nor end the wait for it', async () => {
    const newer = Promise.withResolvers<void>();
    const page = await open(
      instead(async (route) => {
        const { inputs } = route.request().postDataJSON() as { inputs: string };
        // The older one is never answered: it ends when it is aborted, or with the page.
        if (inputs === 'The slow [MASK].') return;
        if (inputs === 'The quick [MASK].') await newer.promise;
        const list = [candidate('word', inputs.replace('[MASK]', 'word'))];
        await route.fulfill({ json: inputs === EXAMPLE ? [list, list] : list });
      }),
    );
    await columns(page);
    const waiting = page.getByText('Waiting for the answer…');
    await field(page).fill('The slow [MASK].');
    await waiting.waitFor();
    // The old candidates stay where they are, but cannot be chosen.
    expect(await page.locator('.candidate').count()).toBe(2);
    await page.locator('.candidate').first().click({ force: true });
    expect(await field(page).inputValue()).toBe('The slow [MASK].');
    const aborted = page.waitForEvent('requestfailed');
    await field(page).fill('The quick [MASK].');
    const older = await aborted;
    expect(older.postDataJSON()).toEqual({ inputs: 'The slow [MASK].' });
    expect(older.failure()?.errorText).toBe('net::ERR_ABORTED');
    await waiting.waitFor();
    expect(await page.locator('#results').getAttribute('aria-busy')).toBe('true');
    newer.resolve();
    expect(await columns(page)).toEqual([[{ word: 'word', percent: '50.0%' }]]);
    expect(await waiting.isVisible()).toBe(false);
  });

  it('shows no answer of a question that is typed back while another is under way', async () => {
    const other = Promise.withResolvers<void>();
    const page = await open(
      instead(async (route) => {
        const { inputs } = route.request().postDataJSON() as { inputs: string };
        if (inputs === 'Other [MASK].') await other.promise;
        await route.fulfill({ json: [candidate('word', inputs.replace('[MASK]', 'word'))] }).catch(() => undefined);
      }),
    );
    await field(page).fill('First [MASK].');
    await columns(page);
    await field(page).fill('Other [MASK].');
    await page.getByText('Waiting for the answer…').waitFor();
    await field(page).fill('First [MASK].');
    await page.getByText('Waiting for the answer…').waitFor({ state: 'hidden' });
    other.resolve();
    await columns(page);
    await page.locator('.candidate').click();
    expect(await field(page).inputValue()).toBe('First word.');
  });

  it('stops asking after a 429, says how long to wait, and asks again', async () => {
    let asked = 0;
    const page = await open(
      instead((route) =>
        asked++ === 0
          ? route.fulfill({ status: 429, headers: { 'retry-after': '3' }, json: { error: 'Too many at once.' } })
          : route.fallback(),
      ),
    );
    await page.getByRole('alert').getByText('Too many at once. You can ask again in 3 seconds.').waitFor();
    const button = page.locator('#ask');
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    await button.click({ force: true });
    expect(await page.getByRole('status').textContent()).toMatch(/^Wait \d seconds? before you ask again/);
    await field(page).fill('One [MASK].');
    await page.getByRole('status').getByText('You can ask again now.').waitFor();
    expect(await button.getAttribute('aria-disabled')).toBeNull();
    await field(page).fill('Two [MASK].');
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 600))');
    expect(asked).toBe(1);
    await button.click();
    expect(await columns(page)).toHaveLength(1);
    // An answer switches the answers while typing on again.
    await field(page).fill('Three [MASK] [MASK].');
    await page.locator('.column').nth(1).waitFor();
    expect(asked).toBe(3);
  });

  it('understands a date to wait for, and a 429 without one', async () => {
    let wait: Record<string, string> = { 'retry-after': new Date(Date.now() + 3 * 3600_000).toUTCString() };
    const page = await open(
      instead((route) => route.fulfill({ status: 429, headers: wait, body: '<h1>Slow down</h1>' })),
    );
    await page
      .getByRole('alert')
      .getByText('too many requests at the moment (status 429). You can ask again in 3 hours.')
      .waitFor();
    wait = {};
    await page.reload();
    await page.getByRole('alert').getByText('too many requests at the moment (status 429).').waitFor();
    expect(await page.locator('#ask').getAttribute('aria-disabled')).toBeNull();
  });

  it('asks for a key, sends it, and asks for another one when it expires', async () => {
    let valid = 'first-key-0123456789';
    const keys: (string | undefined)[] = [];
    const page = await open(
      instead((route) => {
        const key = route.request().headers()['authorization'];
        keys.push(key);
        return key === `Bearer ${valid}`
          ? route.fallback()
          : route.fulfill({ status: 401, json: { error: 'This deployment needs an API key.' } });
      }),
    );
    const key = page.getByLabel('API key of this deployment');
    await page.getByRole('alert').getByText('This deployment needs an API key.').waitFor();
    await key.waitFor();
    expect(await page.locator('#panel-curl').textContent()).toContain('authorization: Bearer YOUR_KEY');
    // The answers while a person types are off. The focus stays in the sentence.
    await field(page).fill('Typed [MASK].');
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 600))');
    expect(keys).toEqual([undefined]);
    await field(page).press('Control+Enter');
    await page.locator('#key:focus').waitFor();
    await key.fill(` ${valid} `);
    await page.getByRole('button', { name: 'Ask again' }).click();
    expect(await columns(page)).toHaveLength(1);
    const first = `Bearer ${valid}`;
    valid = 'second-key-0123456789';
    await field(page).fill('Typed [MASK] again.');
    await page.getByRole('alert').getByText('This deployment needs an API key.').waitFor();
    await key.fill(valid);
    await key.press('Enter');
    await columns(page);
    expect(keys).toEqual([undefined, undefined, first, first, `Bearer ${valid}`]);
    expect(page.url()).not.toContain(valid);
  });

  it('keeps a key only if it is asked to, and sends it in every tab', async () => {
    const KEY = '0123456789abcdef-page';
    const sent: (string | undefined)[] = [];
    const page = await open({
      before: (each) =>
        each.route(/fill-mask|score|order|tokenize/, (route) => {
          sent.push(route.request().headers()['authorization']);
          return route.continue();
        }),
    });
    await columns(page);
    const key = page.getByLabel('API key of this deployment');
    expect(await key.isVisible()).toBe(false);
    await page.evaluate(`document.querySelector('#key-field').hidden = false`);
    await key.fill(KEY);
    const stored = () => page.evaluate(() => localStorage.length + sessionStorage.length);
    expect(await stored()).toBe(0);
    const remember = page.getByRole('switch', { name: 'Remember it in this browser' });
    await remember.check();
    expect(await stored()).toBe(1);
    await page.reload();
    await columns(page);
    expect(await key.inputValue()).toBe(KEY);
    for (const name of ['Compare', 'Order', 'Tokens']) {
      await page.getByRole('tab', { name }).click();
      await page.locator('.output:visible ol').first().waitFor();
    }
    expect(sent).toEqual([undefined, ...Array.from({ length: 4 }, () => `Bearer ${KEY}`)]);
    await page.getByRole('tab', { name: 'Fill gaps' }).click();
    await remember.uncheck();
    expect(await stored()).toBe(0);
  });

  describe('and the answer is odd,', () => {
    const html = { contentType: 'text/html', body: '<!doctype html><script>alert(1)</script><h1>Sign in</h1>' };
    it.each([
      ['HTML with status 200', { status: 200, ...html }, 'a body that is not JSON'],
      ['HTML with status 404', { status: 404, ...html }, 'status 404 and a body that is not JSON'],
      ['HTML with status 502', { status: 502, ...html }, 'The server failed (status 502)'],
      ['broken JSON', { status: 200, body: '[[{"score": 0.2,' }, 'a body that is not JSON'],
      ['nothing', { status: 200, body: '' }, 'a body that is not JSON'],
      ['an error that is no sentence', { status: 400, json: { error: { code: 7 } } }, 'status 400 and did not say why'],
      ['an object', { status: 200, json: { hello: 'world' } }, 'an unknown format'],
      ['null', { status: 200, json: null }, 'an unknown format'],
      ['one list for two masks', { status: 200, json: [candidate('a', 'b')] }, 'an unknown format'],
      ['a score that is a text', { status: 200, json: [[candidate('a', 'b', '0.5')], []] }, 'an unknown format'],
      ['a score above 1', { status: 200, json: [[candidate('a', 'b', 7)], []] }, 'an unknown format'],
      ['a candidate without a word', { status: 200, json: [[{ score: 0.1, token: 1 }], []] }, 'an unknown format'],
    ])('such as %s, says so', async (_, answer, sentence) => {
      const page = await open(instead((route) => route.fulfill(answer)));
      await page.getByRole('alert').getByText(sentence).waitFor();
      expect(await page.locator('.candidate').count()).toBe(0);
      expect(await page.getByRole('button', { name: 'Ask again' }).isEnabled()).toBe(true);
    });
  });

  it('shows no candidate at all for empty lists', async () => {
    const page = await open(instead((route) => route.fulfill({ json: [[], []] })));
    await page.locator('.column').nth(1).waitFor();
    expect(await page.locator('.candidate').count()).toBe(0);
  });

  it('runs no script and asks no host that is not its own', async () => {
    const page = await open({ allow: /Content Security Policy|TrustedScript/ });
    await columns(page);
    await expect(page.addScriptTag({ content: 'document.title = "ran"' })).rejects.toThrow(/TrustedScript/);
    const violated = await page.evaluate(`new Promise((resolve) => {
      addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
      fetch('http://127.0.0.1:9/').catch(() => undefined);
    })`);
    expect(violated).toBe('connect-src');
    expect(await page.title()).toBe('edge-fill-mask');
  });

  it('takes no text for HTML, from wherever it comes', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const text = `${evil} [MASK]`;
    const page = await open({
      ...instead((route) => route.fulfill({ json: [candidate(evil, `${evil} ${evil}`)] })),
      allow: /TrustedHTML/,
      path: linkTo(text),
    });
    expect(await columns(page)).toEqual([[{ word: evil, percent: '50.0%' }]]);
    await page.locator('.candidate').click();
    expect(await field(page).inputValue()).toBe(`${evil} ${evil}`);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toBe('edge-fill-mask');
    // The browser itself would reject it.
    await expect(page.evaluate('void (document.body.innerHTML = "<b>a</b>")')).rejects.toThrow(/TrustedHTML/);
  });

  it('reads a link that makes no sense as a new page', async () => {
    const page = await open({ path: '/#top_k=5&%E0%A4%A' });
    expect(await field(page).inputValue()).toBe(EXAMPLE);
    const odd = await open({ path: linkTo('An odd [MASK].', { top_k: '1e9', joint: 'perhaps' }) });
    expect((await columns(odd)).map(({ length }) => length)).toEqual([5]);
  });
});
