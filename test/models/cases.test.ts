/**
 * Small checkpoints that reproduce public bug reports, with the answers of `transformers`. Each gets the same answers here, or is
 * refused by the recorded name.
 */
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { readCheckpoint } from '../../models/build/build.ts';
import { onnxBackend } from '../../models/evaluation/backends.ts';
import { buildGraph } from '../../models/onnx/encoder.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { ANSWERED, CASES_FOLDER, REFUSED } from '../cases.ts';

describe.skipIf(ANSWERED.length === 0)(
  'a checkpoint of a public report (skipped unless CASES names their folder)',
  () => {
    it.each(ANSWERED)('%s is answered as by transformers', async (name, { text, ids, first, probability }) => {
      const { tokenizer, weights } = await readCheckpoint(join(CASES_FOLDER, name));
      const { packed, special_tokens } = tokenizer;
      const encoding = createTokenizer(packed, special_tokens).encode(findMasks(text, special_tokens.mask.token));
      expect([...encoding.input_ids]).toEqual(ids);
      const [logits] = await (await onnxBackend(buildGraph(weights, 'float32'))).run([encoding]);
      const row = logits?.mlm.subarray(0, weights.config.vocab_size) ?? new Float32Array();
      const best = row.indexOf(Math.max(...row));
      expect(best).toBe(first);
      expect(Math.exp((row[best] ?? NaN) - (logits?.log_sum_exp[0] ?? NaN))).toBeCloseTo(probability ?? NaN, 3);
    });

    it.each(REFUSED)('%s is refused by name', async (name, { refuse }) => {
      await expect(readCheckpoint(join(CASES_FOLDER, name))).rejects.toThrow(refuse ?? '');
    });
  },
);
