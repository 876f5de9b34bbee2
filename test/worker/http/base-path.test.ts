/** Below a path that no proxy takes off. test/page/below-a-path.test.ts has the page. */
import { beforeAll, describe, expect, it, vi } from 'vitest';

import { fillBucket, freshApp } from '../bucket.ts';

const BELOW = { BASE_PATH: '/masks' };
const QUESTION = { inputs: 'A [MASK] barked.', parameters: { top_k: 1 } };

beforeAll(fillBucket);

describe('with BASE_PATH', () => {
  const app = freshApp(BELOW);

  it.each(['/masks', '/masks/', '/masks/fill-mask', '/masks/fill-mask/', '/masks/models/albert-edge/fill-mask'])(
    'a question is answered at %s as at the root',
    async (path) => {
      expect(await app.answer(QUESTION, path)).toEqual(await freshApp().answer(QUESTION));
    },
  );

  it.each([
    '/',
    '/fill-mask',
    '/health',
    '/ready',
    '/masksandmore',
    '/models/albert-edge/fill-mask',
    '/:outside',
    '/page.css',
  ])('a request outside is told where the deployment answers: %s', async (path) => {
    for (const response of [await app.ask(QUESTION, path), await app.request(path)]) {
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        error: `Nothing is at ${path}. This deployment answers below /masks/: see /masks/docs for the routes.`,
        error_type: 'not_found',
      });
    }
  });

  it('the errors name whole paths', async () => {
    const said = async (path: string) => (await (await app.request(path)).json<{ error: string }>()).error;
    expect(await said('/masks/nothing')).toBe('Nothing is at /masks/nothing. See /masks/docs for the routes.');
    expect(await said('/masks/v1/models')).toMatch(
      /^Nothing is at \/masks\/v1\/models\. .* to \/masks\/fill-mask\. See \/masks\/docs\.$/,
    );
    const refused = await app.request('/masks/score');
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  it('a page of another origin may ask', async () => {
    const asked = await app.request('/masks/fill-mask', {
      method: 'OPTIONS',
      headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' },
    });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
  });

  it.each([
    ['/masks', 'masks/'],
    ['/masks?a=b', 'masks/?a=b'],
    ['/masks/docs/', '../docs'],
  ])('GET %s is redirected to where relative links are right', async (path, location) => {
    const response = await app.request(path, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([307, location]);
  });

  it.each([
    ['/masks/', 'text/html'],
    ['/masks/docs', 'text/html'],
    ['/masks/openapi.json', 'application/json'],
    ['/masks/page.css', 'text/css'],
    ['/masks/swagger-ui/swagger-ui.css', 'text/css'],
  ])('the worker serves the file %s', async (path, type) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await app.request(path, { method });
      expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([200, type]);
      // From the file _headers.
      expect(response.headers.get('referrer-policy')).toBe('no-referrer');
      expect((await response.text()) === '').toBe(method === 'HEAD');
    }
    const again = (await app.request(path)).headers.get('etag') ?? '';
    expect((await app.request(path, { headers: { 'if-none-match': again } })).status).toBe(304);
    expect((await app.request(path, { method: 'PUT' })).status).not.toBe(200);
  });

  it('the preview of a link has its image below the path', async () => {
    const page = await (await app.request('/masks/')).text();
    expect(page).toContain('<meta property="og:image" content="http://edge/masks/preview.png"');
  });

  it('may have several segments', async () => {
    const deep = freshApp({ BASE_PATH: '/a.b/c-d' });
    expect((await deep.request('/a.b/c-d/health')).status).toBe(200);
    expect((await deep.request('/a.b/c-d')).headers.get('location')).toBe('c-d/');
    expect((await deep.request('/aXb/c-d/health')).status).toBe(404);
  });
});

it.each([
  'masks',
  '/masks/',
  '/',
  '/masks?a=b',
  '/masks#a',
  '/a//b',
  '/a/../b',
  '/a/.',
  '/ä',
  '/:a',
  '/*',
  'https://a.example/b',
  ['/masks'],
  5,
])('BASE_PATH = %j is refused by name, wherever one asks', async (given) => {
  const log = vi.spyOn(console, 'error').mockReturnValue();
  const app = freshApp({ BASE_PATH: given });
  for (const path of ['/ready', '/masks/ready', '/', '/nothing']) {
    const response = await app.request(path);
    // A probe of readiness expects 503.
    expect(response.status).toBe(path === '/ready' ? 503 : 500);
    expect(await response.json()).toMatchObject({
      error_type: 'misconfigured',
      error: expect.stringContaining(
        `The variable BASE_PATH is ${JSON.stringify(given)}. Set it to a path such as "/masks"`,
      ),
    });
  }
  log.mockRestore();
});

it('an empty BASE_PATH is the root', async () => {
  expect((await freshApp({ BASE_PATH: '' }).request('/health')).status).toBe(200);
  const response = await freshApp().request('/nothing');
  expect(await response.json()).toMatchObject({ error: 'Nothing is at /nothing. See /docs for the routes.' });
});

it('at the root the platform serves the files, and a request for another one costs no look-up', async () => {
  const fetched = vi.fn<Fetcher['fetch']>();
  const response = await freshApp({ ASSETS: { fetch: fetched } as unknown as Fetcher }).request('/nothing.css');
  expect(response.status).toBe(404);
  expect(fetched).not.toHaveBeenCalled();
});
