/** Compares tokenizer, float32 graph and decoder with `transformers` on the same checkpoint. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, inject, it } from 'vitest';

import { encodeProbes } from '../../models/convert/measure.ts';
import { type Checkpoint, readCheckpoint } from '../../models/build/build.ts';
import { packEngineFile } from '../../models/engine/pack.ts';
import { buildGraph } from '../../models/onnx/encoder.ts';
import { engineBackend, onnxBackend } from '../../models/evaluation/backends.ts';
import { topCandidates } from '../../src/predict/top-k.ts';
import type { Encoding } from '../../src/inference/backend.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import golden from '../fixtures/golden.json' with { type: 'json' };
import recorded from '../fixtures/pairs.json' with { type: 'json' };
import { compareSentences } from './tokenizer/recorded-pairs.ts';

/** Float32 sums in another order than PyTorch's; the file has eight digits. */
const TOLERANCE = 1e-4;
/** Lead of one sentence logit over the other: the head of the default model rarely has a larger one. */
const CLEAR_LEAD = 0.02;

let checkpoint: Checkpoint;
let encodings: Encoding[];

beforeAll(async () => {
  checkpoint = await readCheckpoint(inject('built').id);
  encodings = await encodeProbes(checkpoint);
});

describe('the golden file', () => {
  it('was made from the committed checkpoint', async () => {
    const weights = await readFile(join(checkpoint.folder, 'model.safetensors'));
    const sha256 = createHash('sha256').update(weights).digest('hex');
    expect(sha256).toBe(golden.checkpoint_sha256);
    expect(sha256).toBe(recorded.checkpoint_sha256);
  });

  it('is varied enough for a wrong model to be noticed', () => {
    const lengths = golden.cases.map(({ input_ids }) => input_ids.length);
    expect(golden.cases.length).toBeGreaterThanOrEqual(200);
    expect(Math.min(...lengths)).toBe(3);
    expect(Math.max(...lengths)).toBeGreaterThanOrEqual(500);
    expect(lengths.filter((length) => length >= 65).length).toBeGreaterThanOrEqual(40);
    expect(new Set(golden.cases.map(({ masks }) => masks.length))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));

    const first = golden.cases.flatMap(({ masks }) => masks.map(([best]) => best?.token));
    const most = Math.max(
      ...Map.groupBy(first, (token) => token)
        .values()
        .map((group) => group.length),
    );
    expect(new Set(first).size).toBeGreaterThanOrEqual(60);
    expect(most / first.length).toBeLessThanOrEqual(0.15);
  });
});

describe('the tokenizer', () => {
  it('gives the ids of transformers on every text', () => {
    for (const [i, { text, input_ids }] of golden.cases.entries()) {
      expect([...(encodings[i]?.input_ids ?? [])], text).toEqual(input_ids);
    }
  });

  it('decodes every candidate as transformers does', () => {
    const tokenizer = createTokenizer(checkpoint.tokenizer.packed, checkpoint.tokenizer.special_tokens);
    for (const { masks } of golden.cases) {
      for (const { token, token_str } of masks.flat()) expect(tokenizer.decode([token])).toBe(token_str);
    }
  });
});

describe('the float32 graph', () => {
  it('gives the scores of transformers, and its order where scores differ', async () => {
    const backend = await onnxBackend(buildGraph(checkpoint.weights, 'float32'));
    const vocabulary = checkpoint.weights.config.vocab_size;
    // Every third, which takes a minute less than all, with the longest.
    const longest = Math.max(...golden.cases.map(({ input_ids }) => input_ids.length));
    const chosen = [...golden.cases.entries()].filter(
      ([i, { input_ids }]) => i % 3 === 0 || input_ids.length === longest,
    );
    for (const [i, { text, masks, sop_logits }] of chosen) {
      const [logits] = await backend.run([encodings[i] as Encoding]);
      if (!logits) throw new Error('no answer');
      for (const [m, expected] of masks.entries()) {
        const row = logits.mlm.subarray(m * vocabulary, (m + 1) * vocabulary);
        for (const { token, score } of expected) {
          const ours = Math.exp((row[token] ?? NaN) - (logits.log_sum_exp[m] as number));
          expect(Math.abs(ours - score), `${text} [${m}] ${token}`).toBeLessThanOrEqual(TOLERANCE);
        }
        // Best first: each of ours is as good as theirs of the same rank, and ids are theirs unless scores are equal.
        for (const [rank, ours] of topCandidates(row, logits.log_sum_exp[m] as number, expected.length).entries()) {
          expect(Math.abs(ours.score - (expected[rank]?.score ?? NaN))).toBeLessThanOrEqual(TOLERANCE);
        }
      }
      for (const [k, logit] of sop_logits.entries()) {
        expect(Math.abs((logits.sentence[k] ?? NaN) - logit), `sentence order of ${text}`).toBeLessThanOrEqual(1e-3);
      }
    }
  });
});

describe('pairs of texts, without a mask', () => {
  it('have the sentence-order logits of transformers in float32, by their types, and their signs by the engine', async () => {
    const { pairs } = recorded;
    const float32 = await onnxBackend(buildGraph(checkpoint.weights, 'float32'));
    expect((await compareSentences(pairs, float32, CLEAR_LEAD)).difference).toBeLessThanOrEqual(TOLERANCE);
    const untyped = pairs.map((pair) => ({ ...pair, token_type_ids: pair.input_ids.map(() => 0) }));
    expect((await compareSentences(untyped, float32, CLEAR_LEAD)).difference).toBeGreaterThan(10 * TOLERANCE);
    const engine = await engineBackend(packEngineFile(checkpoint.weights));
    const { same, of, difference } = await compareSentences(pairs, engine, CLEAR_LEAD);
    console.log(
      `albert-edge: sentence logits within ${difference.toFixed(4)} by the engine, ${same} of ${of} told the same`,
    );
    expect(of).toBeGreaterThan(4);
    expect(same).toBe(of);
  });
});
