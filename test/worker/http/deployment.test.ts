import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { fillBucket, freshApp, keyOf, OBJECTS } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };

beforeEach(fillBucket);

const secret = () => {
  throw new Error('/home/somebody/secret', { cause: new Error('0123456789abcdef') });
};

describe('a deployment', () => {
  it('answers /health without the model', async () => {
    for (const name of OBJECTS) await env.MODELS.delete(keyOf(name));
    const response = await freshApp().request('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', model: env.MODEL });
  });

  it('names every wrong setting at /ready and to each question, and /health still answers', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const MODEL = 'nonsense';
    const app = freshApp({ MODEL, ALLOWED_ORIGINS: 'https://a.example/' });
    const wrong = {
      error:
        'The variable MODEL is "nonsense". Set it to one <id>@<revision>, as "npm run models -- use <id>" does. ' +
        'The variable ALLOWED_ORIGINS has "https://a.example/". Browsers send it in another form. Write "https://a.example".',
      error_type: 'misconfigured',
    };
    const headers = { origin: 'https://a.example' };
    for (const [status, response] of [
      [503, await app.request('/ready', { headers })],
      [500, await app.ask(question, '/fill-mask', headers)],
      [500, await app.ask({ inputs: 'The dog barked.' }, '/tokenize', headers)],
      [500, await app.request('/info', { headers })],
      [500, await app.request('/models', { headers })],
      [500, await app.request('/models/nonsense/ready', { headers })],
      [500, await app.request('/metrics', { headers })],
    ] as const) {
      expect(response.status, response.url).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual(wrong);
      expect(log).toHaveBeenLastCalledWith(expect.objectContaining({ message: wrong.error }));
    }
    const health = await app.request('/health');
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok', model: MODEL }]);
    log.mockRestore();
  });

  it('says nothing of a bug but that it is one', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const app = freshApp({
      ASSETS: { fetch: secret } as unknown as Fetcher,
      RATE_LIMITER: { limit: secret },
      RATE_LIMITS: 'on',
    });
    for (const response of [await app.request('/docs'), await app.ask(question)]) {
      expect(response.status).toBe(500);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual({
        error: 'An internal error occurred. Please report it.',
        error_type: 'internal',
      });
      expect(JSON.stringify([...response.headers])).not.toMatch(/somebody|0123456789abcdef/);
    }
    log.mockRestore();
  });

  it('answers a page of an origin that ALLOWED_ORIGINS names, and no other', async () => {
    const app = freshApp({ ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000' });
    const allowed = async (origin: string) =>
      (await app.request('/health', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await allowed('https://a.example')).toBe('https://a.example');
    expect(await allowed('http://localhost:3000')).toBe('http://localhost:3000');
    expect(await allowed('https://b.example')).toBeNull();
  });

  it('refuses a request that no model could answer without reading the bucket', async () => {
    await env.MODELS.delete(keyOf('manifest.json'));
    const parameters = { strategy: 'joint', targets: ['dog'] };
    expect((await freshApp().ask({ inputs: 'A [MASK].', parameters })).status).toBe(422);
    // Only the model's tokenizer tells whether a text has the model's own spelling of the mask.
    expect((await freshApp().ask({ inputs: 'no mask' })).status).toBe(502);
  });
});
