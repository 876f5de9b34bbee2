/**
 * Compares every family with `transformers` on the same checkpoint: ids, offsets and logits of texts and pairs, and the error
 * of int8.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, readCheckpoint } from '../../models/build/build.ts';
import type { EncoderWeights } from '../../models/checkpoint/encoder.ts';
import { packEngineFile } from '../../models/engine/pack.ts';
import { buildGraph } from '../../models/onnx/encoder.ts';
import { engineBackend, onnxBackend } from '../../models/evaluation/backends.ts';
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { ALBERT_BASE, writeRandomCheckpoint } from './random-checkpoint.ts';
import {
  compareSentences,
  encodingOf,
  readPair,
  type RecordedList,
  type RecordedPair,
} from './tokenizer/recorded-pairs.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');
const FAMILIES = [
  'albert',
  'albert-grouped',
  'bert',
  'bert-untied',
  'roberta',
  'distilbert',
  'electra',
  'camembert',
  'xlm-roberta',
];
const SENTENCE_HEADS = ['albert', 'bert'];
/** Float32 sums in another order than PyTorch's. */
const TOLERANCE = 1e-4;
/** Lead of the best over the second: as significant for so few channels as a tenth is for a trained model. */
const CLEAR_LEAD = 1;
/** Every deliberate fault must move some logit by this. */
const NOTICED = 100 * TOLERANCE;

interface Golden {
  readonly checkpoint_sha256?: string;
  readonly cases: readonly {
    readonly text: string;
    readonly input_ids: number[];
    readonly offsets: [start: number, end: number][];
    readonly masks: readonly { best: number; logits: Record<string, number> }[];
    readonly sentence_logits?: number[];
  }[];
}
interface GoldenFamily extends Golden {
  readonly pairs: readonly RecordedPair[];
  readonly decoded: readonly RecordedList[];
}

async function readGolden<G extends Golden>(file: string): Promise<G> {
  return JSON.parse(await readFile(file, 'utf8')) as G;
}

function encodingsOf({ cases }: Golden, mask_id: number): Encoding[] {
  return cases.map(({ input_ids }) => ({
    input_ids: Int32Array.from(input_ids),
    token_type_ids: new Int32Array(input_ids.length),
    masked_positions: Int32Array.from(input_ids.flatMap((id, position) => (id === mask_id ? [position] : []))),
  }));
}

/** The largest difference from the recorded logits, and the share of equal first choices. */
async function compare(golden: Golden, backend: Backend, mask_id: number, vocab_size: number) {
  let difference = 0;
  const kept = { clear: 0, all: 0 };
  const of = { clear: 0, all: 0 };
  for (const [i, encoding] of encodingsOf(golden, mask_id).entries()) {
    const { masks: expected = [], sentence_logits } = golden.cases[i] ?? {};
    const [answer] = await backend.run([encoding]);
    expect(encoding.masked_positions.length).toBe(expected.length);
    for (const [m, { best, logits }] of expected.entries()) {
      const row = answer?.mlm.subarray(m * vocab_size, (m + 1) * vocab_size) ?? new Float32Array();
      for (const [id, logit] of Object.entries(logits)) {
        difference = Math.max(difference, Math.abs((row[Number(id)] ?? NaN) - logit));
      }
      const [first = NaN, second = NaN] = Object.values(logits).toSorted((a, b) => b - a);
      const same = row.indexOf(Math.max(...row)) === best;
      for (const which of first - second >= CLEAR_LEAD ? (['clear', 'all'] as const) : (['all'] as const)) {
        of[which]++;
        if (same) kept[which]++;
      }
    }
    expect(answer?.sentence.length).toBe(sentence_logits?.length ?? 0);
    for (const [k, logit] of (sentence_logits ?? []).entries()) {
      difference = Math.max(difference, Math.abs((answer?.sentence[k] ?? NaN) - logit));
    }
  }
  return { difference, clear: kept.clear / of.clear, all: kept.all / of.all };
}

describe.each(FAMILIES)('%s', (name) => {
  let checkpoint: Checkpoint;
  let golden: GoldenFamily;
  let tokenizer: Tokenizer;
  let mask_id: number;

  beforeAll(async () => {
    checkpoint = await readCheckpoint(join(FIXTURES, 'families', name));
    golden = await readGolden(join(checkpoint.folder, 'golden.json'));
    const special_tokens = checkpoint.tokenizer.special_tokens;
    tokenizer = createTokenizer(checkpoint.tokenizer.packed, special_tokens);
    mask_id = special_tokens.mask.id;
  });

  const comparedWith = async (weights: EncoderWeights, backend?: Backend) =>
    compare(golden, backend ?? (await onnxBackend(buildGraph(weights, 'float32'))), mask_id, weights.config.vocab_size);

  it('spreads its logits over ± 5, and has other first choices for other masks', () => {
    const masks = golden.cases.flatMap((one) => one.masks);
    const logits = masks.flatMap((mask) => Object.values(mask.logits));
    expect(Math.max(...logits)).toBeGreaterThan(5);
    expect(Math.min(...logits)).toBeLessThan(-4);
    expect(new Set(masks.map(({ best }) => best)).size).toBeGreaterThan(1);
  });

  it('reads the texts as transformers does: ids and offsets', () => {
    for (const { text, input_ids, offsets } of golden.cases) {
      const found = tokenizer.encode(findMasks(text));
      expect([...found.input_ids], text).toEqual(input_ids);
      // Recorded in code points.
      const points = Array.from(found.offsets, (unit) => Array.from(text.slice(0, unit)).length);
      expect(points, text).toEqual(offsets.flat());
    }
  });

  it('reads pairs of texts as transformers does: ids, types and offsets in each of the two', () => {
    expect(golden.pairs.length).toBeGreaterThanOrEqual(6);
    for (const { sentence_logits: _, ...pair } of golden.pairs) {
      expect(readPair(tokenizer, pair), pair.text).toEqual(pair);
    }
  });

  it('decodes lists of ids as transformers does', () => {
    expect(golden.decoded.length).toBeGreaterThanOrEqual(30);
    for (const { ids, text } of golden.decoded) expect(tokenizer.decode(ids), ids.join(' ')).toBe(text);
  });

  it('gives the logits of transformers in float32', async () => {
    expect((await comparedWith(checkpoint.weights)).difference).toBeLessThanOrEqual(TOLERANCE);
  });

  it('would not with the other gelu, without its token types, or with positions off by one', async () => {
    const { weights } = checkpoint;
    const { config, embeddings } = weights;
    const wrong: EncoderWeights[] = [
      { ...weights, config: { ...config, hidden_act: config.hidden_act === 'gelu' ? 'gelu_new' : 'gelu' } },
      { ...weights, embeddings: { ...embeddings, positions: shifted(embeddings.positions, config.embedding_size) } },
    ];
    // DistilBERT has none.
    if (config.family !== 'distilbert') {
      wrong.push({ ...weights, embeddings: { ...embeddings, types: new Float32Array(embeddings.types.length) } });
    }
    const found = [];
    for (const one of wrong) found.push(await comparedWith(one));
    const [gelu, ...others] = found;
    // The two differ by 5 in ten thousand at most.
    expect(gelu?.difference).toBeGreaterThan(5 * TOLERANCE);
    for (const { difference } of others) expect(difference).toBeGreaterThan(NOTICED);
  });

  it('keeps most of its first choices in int8, by both backends', async () => {
    const { weights } = checkpoint;
    const onnxruntime = await comparedWith(weights, await onnxBackend(buildGraph(weights, 'int8')));
    const engine = await comparedWith(weights, await engineBackend(packEngineFile(weights)));
    console.log(
      `${name}: first choices kept in int8: ${shown(onnxruntime)} by onnxruntime-web, ${shown(engine)} by the engine`,
    );
    expect(onnxruntime.clear).toBeGreaterThan(0.9);
    expect(engine.clear).toBeGreaterThan(0.9);
  });
});

const backendsOf = async ({ weights }: Checkpoint) => ({
  float32: await onnxBackend(buildGraph(weights, 'float32')),
  int8: await onnxBackend(buildGraph(weights, 'int8')),
  engine: await engineBackend(packEngineFile(weights)),
});

/** A pair without its types, which DistilBERT lacks. */
const untyped = (pair: RecordedPair): RecordedPair => ({ ...pair, token_type_ids: pair.input_ids.map(() => 0) });

async function readPairs(name: string): Promise<{ checkpoint: Checkpoint; pairs: readonly RecordedPair[] }> {
  const checkpoint = await readCheckpoint(join(FIXTURES, 'families', name));
  const { pairs } = await readGolden<GoldenFamily>(join(checkpoint.folder, 'golden.json'));
  return { checkpoint, pairs };
}

describe('pairs of texts, without a mask,', () => {
  it.each(FAMILIES)('are answered about the sentences alone, by every backend: %s', async (name) => {
    const { checkpoint, pairs } = await readPairs(name);
    const { type_vocab_size } = checkpoint.weights.config;
    const encodings = pairs.map((pair) => encodingOf(type_vocab_size > 1 ? pair : untyped(pair)));
    for (const backend of Object.values(await backendsOf(checkpoint))) {
      for (const [i, { mlm, log_sum_exp, sentence }] of (await backend.run(encodings)).entries()) {
        expect([mlm.length, log_sum_exp.length]).toEqual([0, 0]);
        expect(sentence).toHaveLength(pairs[i]?.sentence_logits?.length ?? 0);
      }
    }
  });

  it.each(SENTENCE_HEADS)('have the sentence logits of transformers, and their signs in int8: %s', async (name) => {
    const { checkpoint, pairs } = await readPairs(name);
    const { float32, int8, engine } = await backendsOf(checkpoint);
    expect((await compareSentences(pairs, float32, CLEAR_LEAD)).difference).toBeLessThanOrEqual(TOLERANCE);
    expect((await compareSentences(pairs.map(untyped), float32, CLEAR_LEAD)).difference).toBeGreaterThan(NOTICED);
    for (const backend of [int8, engine]) {
      const { same, of, difference } = await compareSentences(pairs, backend, CLEAR_LEAD);
      console.log(`${name}: sentence logits within ${difference.toFixed(3)} in int8`);
      expect(of).toBeGreaterThan(4);
      expect(same).toBe(of);
    }
  });
});

const shown = ({ clear, all }: { clear: number; all: number }) =>
  `${(100 * clear).toFixed(1)} % of the clear ones and ${(100 * all).toFixed(1)} % of all`;

/** Every position has the row of the next one. */
function shifted(positions: Float32Array, width: number): Float32Array {
  const moved = positions.slice();
  moved.copyWithin(0, width);
  return moved;
}

describe('a checkpoint of the geometry of ALBERT-base, made on the spot', () => {
  let folder: string;
  let checkpoint: Checkpoint;
  let golden: Golden;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    await writeRandomCheckpoint(folder, { ...ALBERT_BASE, vocab_size: 30_000 }, 7);
    await copyFile(join(FIXTURES, 'families/albert/tokenizer.json'), join(folder, 'tokenizer.json'));
    checkpoint = await readCheckpoint(folder);
    golden = await readGolden(join(FIXTURES, 'albert-base.json'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is the one of which transformers was asked', async () => {
    const weights = await readFile(join(folder, 'model.safetensors'));
    expect(createHash('sha256').update(weights).digest('hex')).toBe(golden.checkpoint_sha256);
  });

  it('gives the logits of transformers in float32, and keeps its first choices in int8', async () => {
    const { weights, tokenizer } = checkpoint;
    const by = (backend: Backend) =>
      compare(golden, backend, tokenizer.special_tokens.mask.id, weights.config.vocab_size);
    expect((await by(await onnxBackend(buildGraph(weights, 'float32')))).difference).toBeLessThanOrEqual(TOLERANCE);
    const onnxruntime = await by(await onnxBackend(buildGraph(weights, 'int8')));
    const engine = await by(await engineBackend(packEngineFile(weights)));
    console.log(
      `ALBERT-base: first choices kept in int8: ${shown(onnxruntime)} by onnxruntime-web, ${shown(engine)} by the engine`,
    );
    // Among 30,000 random rows no first choice is clear.
    expect(Math.min(onnxruntime.all, engine.all)).toBeGreaterThan(0.6);
  });
});
