/** A run that really fails: the tokenizer has one id more than the weights. */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { MORE, withOneMoreToken } from '../../one-more-token.ts';
import { builtFile, freshApp } from '../bucket.ts';

let MODEL = '';
let weights = '';
beforeAll(async () => {
  const { name, objects } = await withOneMoreToken(kind.file, builtFile);
  for (const [key, bytes] of objects) await env.MODELS.put(key, bytes);
  MODEL = name;
  weights = [...objects.keys()].find((key) => key.endsWith(kind.file)) ?? '';
});
const errors = vi.spyOn(console, 'error').mockReturnValue();
beforeEach(() => errors.mockClear());

const good = { inputs: 'The [MASK] barked.' };
const bad = { inputs: `The ${MORE} [MASK] barked.` };

describe('a run that fails', () => {
  it('is a 500, and the next request gets a new backend', async () => {
    const app = freshApp({ MODEL, CACHE: 'off' });
    const before = await (await app.ask(good)).json();

    const response = await app.ask(bad);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error_type: 'internal' });

    // It is read again, which fails without the weights in the bucket.
    const kept = await (await env.MODELS.get(weights))?.arrayBuffer();
    await env.MODELS.delete(weights);
    expect((await app.ask(good)).status).toBe(502);
    await env.MODELS.put(weights, kept ?? '');
    // After the pause in which a failure answers all requests.
    await vi.waitUntil(async () => (await app.ask(good)).status === 200, { timeout: 3_000, interval: 200 });
    expect(await (await app.ask(good)).json()).toEqual(before);
  });

  it('leaves no broken backend to those who wait, and no wrong answer to those who ask later', async () => {
    const log: string[] = [];
    /** Requests that were sent; the first one runs until the others have had the time to wait for their turn. */
    let waiting = 0;
    /** After a run that failed, all logits of the backend are wrong. */
    const breaking: typeof kind = {
      ...kind,
      async create(file) {
        const backend = await kind.create(file);
        let isBroken = false;
        log.push('created');
        return {
          async run(batch, pause) {
            try {
              if (waiting === 3 && log.length === 1) await scheduler.wait(100);
              const logits = await backend.run(batch, pause);
              return isBroken ? logits.map((one) => ({ ...one, mlm: one.mlm.toReversed() })) : logits;
            } catch (error) {
              isBroken = true;
              log.push('broke');
              throw error;
            }
          },
          async dispose() {
            log.push('disposed');
            await backend.dispose?.();
          },
        };
      },
    };
    const inputs = ['first', 'second'].map((word) => `The [MASK] barked at the ${word} one.`);
    const expected = await Promise.all(
      inputs.map((text) => freshApp({ MODEL, CACHE: 'off' }).answer({ inputs: text })),
    );
    const app = freshApp({ MODEL }, breaking);
    await app.answer(good);
    const ask = (text: string) => {
      waiting++;
      return app.ask({ inputs: text });
    };
    const [failed, ...answered] = await Promise.all([ask(bad.inputs), ...inputs.map(ask)]);
    expect(failed.status).toBe(500);
    expect(answered.map(({ status }) => status)).toEqual([200, 200]);
    expect(await Promise.all(answered.map((response) => response.json()))).toEqual(expected);
    expect(log).toEqual(['created', 'broke', 'disposed', 'created']);
    // In another isolate, from the edge; and what failed is stored nowhere.
    const later = freshApp({ MODEL });
    const cached = await later.ask({ inputs: inputs[0] });
    expect(cached.headers.get('cache-status')).toMatch(/edge; hit/);
    expect(await cached.json()).toEqual(expected[0]);
    expect((await later.ask(bad)).status).toBe(500);
    const ours = errors.mock.calls.filter(([error]) => (error as { error_type?: string }).error_type === 'internal');
    expect(ours).toHaveLength(2);
  });
});
