/** What a model costs and takes, and which models stay in memory. */
import { describe, expect, it } from 'vitest';

import {
  DEFAULT_MAX_REQUEST_WORK,
  ISOLATE_BYTES,
  MAX_MASKS_PER_RUN,
  TOKENIZER_HEAP_RATIO,
} from '../../../src/limits.ts';
import { costModelOf } from '../../../src/model/cost.ts';
import type { Manifest } from '../../../src/model/manifest.ts';
import { MAX_MODELS_BYTES, maxWasmBytes, modelBytes, wasmBytes } from '../../../src/model/memory.ts';

const ARCHITECTURE: Manifest['architecture'] = {
  family: 'albert',
  vocab_size: 1000,
  embedding_size: 16,
  hidden_size: 80,
  num_hidden_layers: 3,
  num_attention_heads: 5,
  intermediate_size: 400,
  max_position_embeddings: 20,
};
const encoding = (tokens: number, masks: number) => ({
  input_ids: new Int32Array(tokens),
  token_type_ids: new Int32Array(tokens),
  masked_positions: new Int32Array(masks),
});

describe('the cost of a text', () => {
  const { text, encoding: costOf, batch } = costModelOf(ARCHITECTURE);

  it('is that of its tokens, their pairs and its masks', () => {
    const perToken = 3 * (4 * 80 * 80 + 2 * 80 * 400) + 16 * 80;
    const perPair = 2 * 3 * 80;
    const perMask = 80 * 16 + 16 * 1000 + 64 * 1000;
    expect(text(1, 0)).toBe(perToken + perPair);
    expect(text(7, 2)).toBe(7 * perToken + 49 * perPair + 2 * perMask);
    expect(text(7, 2)).toBeLessThan(DEFAULT_MAX_REQUEST_WORK);
  });

  it('counts the channels that the engine adds to widths and heads', () => {
    // 78 channels in 3 heads of 26: rows of 80, and 3 heads of 32.
    const odd = {
      ...ARCHITECTURE,
      embedding_size: 13,
      hidden_size: 78,
      num_attention_heads: 3,
      intermediate_size: 399,
    };
    const perToken = 3 * (4 * 80 * 96 + 2 * 80 * 400) + 16 * 80;
    expect(costModelOf(odd).text(7, 0)).toBe(7 * perToken + 49 * 2 * 3 * 96);
    expect(wasmBytes('model.efm', 0, odd)).toBeGreaterThan(wasmBytes('model.efm', 0, { ...odd, hidden_size: 72 }));
  });

  it('adds up for several', () => {
    expect(costOf(encoding(7, 2))).toBe(text(7, 2));
    expect(batch([encoding(7, 2), encoding(3, 1)])).toBe(text(7, 2) + text(3, 1));
    expect(batch([])).toBe(0);
  });
});

describe('the memory of a model', () => {
  const beside = TOKENIZER_HEAP_RATIO * 5_000 + 4 * MAX_MASKS_PER_RUN * 1000;

  it('is its file, the activations of its longest text, the tokenizer and the logits of a run', () => {
    const engine = 1e6 + 20 * (10.5 * 80 + 8 * 5 + 100) + 64 * (7 * 400 + 4 * 80) + 32 * 1000 + 200_000;
    expect(wasmBytes('model.efm', 1e6, ARCHITECTURE)).toBe(engine);
    // Twice the hidden size counts where the layers between are narrower.
    expect(wasmBytes('model.efm', 1e6, { ...ARCHITECTURE, intermediate_size: 152 })).toBe(engine - 64 * 7 * 240);
    const onnx = 12e6 + 2.4e6 + 4 * 20 * (20 * 5 + 3 * 400);
    expect(wasmBytes('model.onnx', 1e6, ARCHITECTURE)).toBe(onnx);
    const files: Manifest['files'] = [
      { name: 'model.efm', bytes: 1e6, sha256: '' },
      { name: 'tokenizer.bin', bytes: 5_000, sha256: '' },
    ];
    expect(modelBytes('model.efm', { files, architecture: ARCHITECTURE })).toBe(engine + beside);
    expect(modelBytes('model.efm', { files: [], architecture: ARCHITECTURE })).toBe(
      engine - 1e6 + 4 * MAX_MASKS_PER_RUN * 1000,
    );
  });

  it('is what the script, full caches and an answer leave, and never less than nothing', () => {
    expect(MAX_MODELS_BYTES).toBeGreaterThan(ISOLATE_BYTES / 2);
    expect(MAX_MODELS_BYTES).toBeLessThan(ISOLATE_BYTES - 15e6);
    expect(maxWasmBytes(1000, 5_000)).toBe(MAX_MODELS_BYTES - beside);
    expect(maxWasmBytes(1e9, 0)).toBe(0);
  });
});
