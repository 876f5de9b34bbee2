/** Hono's typed client, with the type of the application: routes, requests and responses. */
import { hc } from 'hono/client';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';

import type { App } from '../../../src/app.ts';
import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
const client = hc<App>('http://edge', {
  fetch: (input: RequestInfo | URL, init?: RequestInit) => app.request(new URL(new Request(input).url).pathname, init),
});

beforeAll(fillBucket);

describe('the typed client', () => {
  it('fills masks', async () => {
    const response = await client['fill-mask'].$post({
      json: { inputs: 'I love [MASK] because you are [MASK].', parameters: { strategy: 'joint', top_k: 3 } },
    });
    if (!response.ok) throw new Error((await response.json()).error);
    const answer = await response.json();
    expectTypeOf(answer).toExtend<readonly (Prediction | readonly (Prediction | readonly Prediction[])[])[]>();
    expect(answer).toHaveLength(3);
  });

  it('calls the other routes', async () => {
    const scored = await (await client.score.$post({ json: { inputs: 'The dog barks.' } })).json();
    if ('error' in scored || Array.isArray(scored)) throw new Error('not one score');
    expectTypeOf(scored.score).toEqualTypeOf<number>();
    expect(scored.score).toBeLessThan(0);

    const pair = { text: 'It rained.', text_pair: 'She got wet.' };
    expect((await client['sentence-order'].$post({ json: { inputs: pair } })).status).toBe(200);
    expect((await client.tokenize.$post({ json: { inputs: ['A dog.'] } })).status).toBe(200);
    const info = await (await client.info.$get()).json();
    expectTypeOf(info.limits.tokens).toEqualTypeOf<number>();
    expect(info.limits.tokens).toBe(512);
  });

  it('has the text of an error', async () => {
    const response = await client['fill-mask'].$post({ json: { inputs: 'No mask.' } });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error_type: 'no_mask' });
  });

  it('does not compile a wrong request', async () => {
    // @ts-expect-error -- there is no such parameter
    const misspelled = await client['fill-mask'].$post({ json: { inputs: '[MASK]', parameters: { topk: 3 } } });
    expect(misspelled.status).toBe(400);
    // @ts-expect-error -- there is no text
    expect((await client.score.$post({ json: {} })).status).toBe(400);
  });
});
