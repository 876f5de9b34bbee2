import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { fillBucket, freshApp, keyOf, OBJECTS } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };

beforeEach(fillBucket);

describe('a deployment', () => {
  it('answers /health without the model', async () => {
    for (const name of OBJECTS) await env.MODELS.delete(keyOf(name));
    const response = await freshApp().request('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', model: env.MODEL });
  });

  it.each(['nonsense', 'id@', '@revision', 'a/b@c'])(
    'with MODEL = %s says how to set it, and logs that',
    async (MODEL) => {
      const log = vi.spyOn(console, 'error').mockReturnValue();
      const response = await freshApp({ MODEL }).ask(question);
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({
        error_type: 'misconfigured',
        error: expect.stringContaining('<id>@<revision>'),
      });
      expect(log).toHaveBeenCalledWith(
        expect.objectContaining({ message: expect.stringContaining('<id>@<revision>') }),
      );
      log.mockRestore();
    },
  );

  it('refuses a request that no model could answer without reading the bucket', async () => {
    await env.MODELS.delete(keyOf('manifest.json'));
    const parameters = { strategy: 'joint', targets: ['dog'] };
    expect((await freshApp().ask({ inputs: 'A [MASK].', parameters })).status).toBe(422);
    // Only the model's tokenizer tells whether a text has the model's own spelling of the mask.
    expect((await freshApp().ask({ inputs: 'no mask' })).status).toBe(502);
  });
});
