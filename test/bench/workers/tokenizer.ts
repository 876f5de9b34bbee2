/** A worker that loads the tokenizer of its request, keeps it, and times that. In local workerd, unlike at the edge, clocks run. */
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import type { SpecialTokens, Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

/** In ms. */
export interface Times {
  readonly create: number;
  /** The first and the second encoding of a text, as a request for masks needs it. */
  readonly first: number;
  readonly second: number;
}

const kept: Tokenizer[] = [];

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') return new Response();
    const bytes = new Uint8Array(await request.arrayBuffer());
    const { searchParams } = new URL(request.url);
    const special = JSON.parse(searchParams.get('special') ?? '') as SpecialTokens;
    const text = findMasks(searchParams.get('text') ?? '', special.mask.token);
    const start = performance.now();
    const tokenizer = createTokenizer(bytes, special);
    const created = performance.now();
    tokenizer.encodeIds(text);
    const encoded = performance.now();
    tokenizer.encodeIds(text);
    kept.push(tokenizer);
    const times: Times = { create: created - start, first: encoded - created, second: performance.now() - encoded };
    return Response.json(times);
  },
};
