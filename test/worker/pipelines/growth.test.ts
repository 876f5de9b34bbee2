/** Texts that a tokenizer makes much longer: every pipeline refuses them with the index of the text. */
import { describe, expect, it } from 'vitest';

import { createCaches } from '../../../src/cache/caches.ts';
import type { LoadedModel } from '../../../src/model/loaded-model.ts';
import type { PipelineContext } from '../../../src/pipelines/context.ts';
import { encodeText } from '../../../src/pipelines/encode-text.ts';
import { score } from '../../../src/pipelines/score.ts';
import { classifyPairs } from '../../../src/pipelines/sentence.ts';
import { tokenize } from '../../../src/pipelines/tokenize.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { albertJson, createSmall } from '../../src/tokenizer/small-tokenizers.ts';

/** NFKD makes 18 characters of it. */
const GROWING = '\ufdfa'.repeat(4000);
const LIMIT = 4 * GROWING.length;

const mask = { id: 4, token: '[MASK]' };
const manifest = { architecture: { max_position_embeddings: 512 }, special_tokens: { mask }, heads: ['sop'] };
const loadedOf = (json = albertJson()) => ({ tokenizer: createSmall(json), manifest }) as unknown as LoadedModel;
const contextOf = (): PipelineContext => {
  const loaded = loadedOf();
  return {
    model: 'small@1',
    numerics: '',
    partition: '',
    loadTokenizer: () => Promise.resolve(loaded),
    loadModel: () => Promise.resolve(loaded),
    caches: createCaches(),
    policy: { read: false, write: false, edge: undefined, ttl_s: 1, waitUntil: () => {} },
    signal: new AbortController().signal,
  };
};
const context = contextOf();
const error = { reason: 'text_grows_too_long', index: 1, limit: LIMIT };

describe('a text that grows when it is normalized', () => {
  it('is refused by name with and without truncation', () => {
    const text = findMasks(`[MASK]${GROWING.slice(6)}`);
    for (const truncation of [false, true]) {
      expect(encodeText(text, 1, { truncation }, loadedOf())).toEqual({ ok: false, error });
    }
  });

  it('is refused by /tokenize', async () => {
    const question = { texts: ['a', GROWING], isList: true };
    expect(await tokenize(question, context)).toEqual({ ok: false, error });
  });

  it('is refused by /score', async () => {
    const question = { texts: ['a', GROWING], isList: true, metric: 'original' as const };
    expect(await score(question, context)).toEqual({ ok: false, error });
  });

  it.each([
    [GROWING, ''],
    ['', GROWING],
  ])('is refused as one of a pair, %#', async (text, text_pair) => {
    const pairs = [
      { text: 'a', text_pair: 'b' },
      { text, text_pair },
    ];
    expect(await classifyPairs({ head: 'sop', pairs, isList: true }, context)).toEqual({ ok: false, error });
  });

  it('is refused as a target', () => {
    const json = albertJson();
    json['normalizer'] = { type: 'Replace', pattern: { String: 'x' }, content: 'y'.repeat(64) };
    const text = findMasks(`${'a '.repeat(500)}[MASK]`);
    const target = 'x'.repeat(65);
    expect(encodeText(text, undefined, { truncation: true, targets: [target] }, loadedOf(json))).toEqual({
      ok: false,
      error: { reason: 'target_grows_too_long', target, limit: 4096 },
    });
  });
});
