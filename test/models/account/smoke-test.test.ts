/** The test of a version before it is live: every answer that must stop it. */
import { afterEach, describe, expect, it, vi } from 'vitest';

import { smokeTest } from '../../../models/account/smoke-test.ts';

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

afterEach(() => vi.unstubAllEnvs());

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

  it('stops at a 401, and says whether a key lacks or is wrong', async () => {
    vi.stubEnv('API_KEY', '');
    await expect(testIt({ masked: withoutKey })).rejects.toThrow(
      'asks for a key: set the environment variable API_KEY',
    );
    vi.stubEnv('API_KEY', '0123456789abcdef');
    await expect(testIt({ masked: withoutKey })).rejects.toThrow('does not accept the key in API_KEY: set');
  });
});
