/** The test of a version before it is live: every answer that must stop it. */
import { afterEach, describe, expect, it, vi } from 'vitest';

import { answersAnybody, type SmokeTest, smokeTest } from '../../../models/account/smoke-test.ts';

const URL_OF_VERSION = 'https://12345678-edge-fill-mask.somebody.workers.dev';
const CANDIDATES = [{ token_str: 'capital', score: 0.5 }];

type Answers = Readonly<Record<'/ready' | '/info' | 'masked' | 'unmasked', () => Response>>;
const WELL: Answers = {
  '/ready': () => Response.json({ status: 'ready' }),
  '/info': () => Response.json({ model: 'base', revision: '1' }),
  masked: () => Response.json(CANDIDATES),
  unmasked: () => Response.json({ error_type: 'no_mask' }, { status: 422 }),
};

function testIt(changed: Partial<Answers>, { readyWithinMs = 0, asked = [] as Request[] } = {}) {
  const answers = { ...WELL, ...changed };
  const fetched: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    asked.push(request.clone());
    const { pathname } = new URL(request.url);
    if (pathname === '/ready' || pathname === '/info') return answers[pathname]();
    return (await request.text()).includes('[MASK]') ? answers.masked() : answers.unmasked();
  };
  return smokeTest({ url: URL_OF_VERSION, models: ['base@1'], fetch: fetched, readyWithinMs, pauseMs: 1 });
}

const unreachable = () => {
  throw new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } });
};
const withoutKey = () => Response.json({ error_type: 'key_missing' }, { status: 401 });

/** A clock that goes on by 100 ms whenever somebody looks at it. */
function tickingClock(): void {
  let now = 1_000_000;
  vi.spyOn(Date, 'now').mockImplementation(() => (now += 100));
}

/** Tests a version among others. @param ready the answers to GET /ready, the last one for ever @returns how many were asked for */
async function testAmongOthers(ready: readonly (readonly [status: number, version: string, body?: object])[]) {
  let asked = 0;
  const fetched: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    expect(request.headers.get('cloudflare-workers-version-overrides')).toBe('worker="new"');
    const { pathname } = new URL(request.url);
    if (pathname === '/info') return WELL['/info']();
    if (pathname !== '/ready') return (await request.text()).includes('[MASK]') ? WELL.masked() : WELL.unmasked();
    const [status, version, body = {}] = ready[Math.min(asked++, ready.length - 1)] ?? [500, ''];
    return Response.json(body, { status, headers: version ? { 'worker-version': version } : {} });
  };
  const override = { worker: 'worker', version: 'new' };
  const times = { readyWithinMs: 1000, settleMs: 1000, pauseMs: 0 };
  const problem = await smokeTest({ url: URL_OF_VERSION, models: ['base@1'], fetch: fetched, override, ...times }).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  return { asked, problem };
}

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('the smoke test', () => {
  it('passes a version that answers well, leaves nothing in its caches, and sends API_KEY', async () => {
    vi.stubEnv('API_KEY', '0123456789abcdef');
    const asked: Request[] = [];
    await testIt({}, { asked });
    expect(asked.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      'GET /ready',
      'GET /info',
      'POST /fill-mask',
      'POST /fill-mask',
      'GET /ready',
    ]);
    for (const [i, { headers }] of asked.entries()) {
      expect(headers.get('cache-control')).toBe('no-store');
      // The first question finds out whether a key is asked for.
      expect(headers.get('authorization')).toBe(i === 2 ? null : 'Bearer 0123456789abcdef');
    }
  });

  it('asks below BASE_PATH, which the address of the version ends with', async () => {
    const asked: string[] = [];
    const fetched: typeof fetch = async (input) => {
      asked.push(input instanceof Request ? input.url : String(input));
      return new Response('outside', { status: 404 });
    };
    const test = { url: `${URL_OF_VERSION}/masks`, models: ['base@1'], readyWithinMs: 0, pauseMs: 1 };
    await expect(smokeTest({ ...test, fetch: fetched })).rejects.toThrow('GET /ready answers 404');
    expect(asked).toEqual([`${URL_OF_VERSION}/masks/ready`]);
  });

  it('waits for an address that does not answer yet', async () => {
    let attempts = 0;
    const ready = () => {
      attempts++;
      if (attempts === 1) throw new TypeError('fetch failed');
      return new Response('', { status: attempts === 2 ? 404 : 200 });
    };
    await testIt({ '/ready': ready }, { readyWithinMs: 60_000 });
    expect(attempts).toBe(4);
  });

  it('stops at once at a wrong setting, and names it', async () => {
    const wrong = { error: 'The variable CACHE is "yes". Set it to "on" or "off".', error_type: 'misconfigured' };
    const asked: Request[] = [];
    const tested = testIt({ '/ready': () => Response.json(wrong, { status: 503 }) }, { readyWithinMs: 60_000, asked });
    await expect(tested).rejects.toThrow(`GET /ready answers 503: ${JSON.stringify(wrong)}`);
    expect(asked).toHaveLength(1);
  });

  it.each<[string, Partial<Answers>, string]>([
    ['is never ready', { '/ready': () => new Response('down', { status: 503 }) }, 'GET /ready answers 503: down'],
    ['cannot be reached', { '/ready': unreachable }, 'it cannot be reached (ENOTFOUND)'],
    [
      'serves another model',
      { '/info': () => Response.json({ model: 'base', revision: '2' }) },
      'GET /info says base@2 instead of base@1',
    ],
    ['has no candidates', { masked: () => Response.json([]) }, 'POST /fill-mask answers 200 and no prediction: []'],
    [
      'scores nothing',
      { masked: () => Response.json([{ token_str: 'a', score: 0 }]) },
      'POST /fill-mask answers 200 and no prediction',
    ],
    ['answers HTML', { masked: () => new Response('<html>') }, 'POST /fill-mask answers 200 and no prediction: <html>'],
    [
      'fails',
      { masked: () => Response.json({ error: 'internal' }, { status: 500 }) },
      'POST /fill-mask answers 500 and no prediction',
    ],
    [
      'fills a text without a mask',
      { unmasked: () => Response.json(CANDIDATES) },
      'answers 200 to a text without a mask, not 422',
    ],
    [
      'gives no reason',
      { unmasked: () => Response.json({}, { status: 422 }) },
      'answers 422 to a text without a mask, not 422',
    ],
  ])('stops a version that %s', async (_, changed, problem) => {
    await expect(testIt(changed)).rejects.toThrow(problem);
  });

  it.each<[string, Parameters<typeof testAmongOthers>[0], number, string | undefined]>([
    ['answers', [[200, 'new']], 2, undefined],
    [
      'answers after another one, and after a wrong setting of that',
      [
        [200, 'old'],
        [503, 'old', { error_type: 'misconfigured' }],
        [200, 'new'],
      ],
      4,
      undefined,
    ],
    ['never answers', [[200, 'old']], 10, 'GET /ready is answered by version old, not by new'],
    [
      'answers no more at the end',
      [
        [200, 'new'],
        [200, 'old'],
      ],
      11,
      'GET /ready is answered by version old, not by',
    ],
    ['is not ready', [[503, '']], 10, 'GET /ready answers 503: {}'],
    // It is asked for as long as an override may take, and then believed.
    ['does not name itself', [[200, '']], 7, undefined],
  ])('among others tests the version that is meant, which %s', async (_, ready, times, problem) => {
    tickingClock();
    const found = await testAmongOthers(ready);
    expect(found.problem ?? '').toContain(problem ?? '');
    expect([found.asked, found.problem === undefined]).toEqual([times, problem === undefined]);
  });

  it('asks each model, and says whether it is closed', async () => {
    const asked: string[] = [];
    const test: Omit<SmokeTest, 'fetch'> = { url: URL_OF_VERSION, models: ['base@1', 'other@2'], readyWithinMs: 0 };
    const answering =
      (isOpen: boolean): typeof fetch =>
      async (input, init) => {
        const request = new Request(input, init);
        const { pathname } = new URL(request.url);
        asked.push(pathname);
        if (pathname.endsWith('/info')) {
          return Response.json(
            pathname === '/info' ? { model: 'base', revision: '1' } : { model: 'other', revision: '2' },
          );
        }
        if (pathname.endsWith('/ready')) return Response.json({});
        if (!isOpen && request.headers.get('authorization') !== 'Bearer given') return withoutKey();
        return (await request.text()).includes('[MASK]') ? WELL.masked() : WELL.unmasked();
      };
    vi.stubEnv('API_KEY', 'another');
    expect(await smokeTest({ ...test, fetch: answering(true) })).toEqual({ isClosed: false });
    expect(asked.filter((path) => path.startsWith('/models/'))).toEqual(
      ['ready', 'info', 'fill-mask', 'fill-mask'].map((path) => `/models/other@2/${path}`),
    );
    expect(await smokeTest({ ...test, key: 'given', fetch: answering(false) })).toEqual({ isClosed: true });
    // Its code is known to work, and nobody knows a key.
    expect(await smokeTest({ ...test, isClosedEnough: true, fetch: answering(false) })).toEqual({ isClosed: true });
    const wrong = smokeTest({ ...test, key: 'wrong', isClosedEnough: true, fetch: answering(false) });
    await expect(wrong).rejects.toThrow('does not accept the key in API_KEY');
  });

  it.each([
    ['id', '', false],
    ['', 'secret', false],
    ['id', 'secret', true],
  ])('sends the service token "%s" with the secret "%s" only whole: %s', async (id, secret, isSent) => {
    vi.stubEnv('CF_ACCESS_CLIENT_ID', id);
    vi.stubEnv('CF_ACCESS_CLIENT_SECRET', secret);
    const asked: Request[] = [];
    await testIt({}, { asked });
    expect(asked[0]?.headers.get('cf-access-client-id')).toBe(isSent ? 'id' : null);
    expect(asked[0]?.headers.get('content-type')).toBeNull();
    expect(asked[2]?.headers.get('content-type')).toBe('application/json');
  });

  it('follows no redirect, and names where it leads', async () => {
    const headers = { location: 'https://elsewhere.example/a?b=secret' };
    await expect(testIt({ '/info': () => new Response(null, { status: 301, headers }) })).rejects.toThrow(
      `${URL_OF_VERSION}/info redirects to https://elsewhere.example, and the worker redirects nobody`,
    );
    // An answer with this header alone is none.
    await testIt({ '/ready': () => Response.json({}, { headers }) });
  });

  it.each<[string, () => Response, boolean | undefined]>([
    ['candidates', WELL.masked, true],
    ['a demand for a key', withoutKey, false],
    ['an error', () => new Response('', { status: 500 }), undefined],
    ['no answer', unreachable, undefined],
  ])('knows by %s whether the worker answers anybody', async (_, answer, expected) => {
    vi.stubEnv('API_KEY', '0123456789abcdef');
    const asked: [string, RequestInit | undefined][] = [];
    const fetched: typeof fetch = async (input, init) => {
      asked.push([input instanceof Request ? input.url : String(input), init]);
      return answer();
    };
    expect(await answersAnybody(URL_OF_VERSION, fetched)).toBe(expected);
    expect(asked).toMatchObject([[`${URL_OF_VERSION}/fill-mask`, { method: 'POST' }]]);
    expect(new Headers(asked[0]?.[1]?.headers).has('authorization')).toBe(false);
  });

  it('stops at a 401, and says whether a key lacks or is wrong', async () => {
    vi.stubEnv('API_KEY', '');
    await expect(testIt({ masked: withoutKey })).rejects.toThrow(
      'asks for a key: set the environment variable API_KEY',
    );
    vi.stubEnv('API_KEY', '0123456789abcdef');
    await expect(testIt({ masked: withoutKey })).rejects.toThrow('does not accept the key in API_KEY: set');
  });
});
