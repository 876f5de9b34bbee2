/**
 * Small checkpoints that reproduce public bug reports, with the answers of `transformers`. Each gets the same answers here, or is
 * refused by the recorded name.
 */
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { type Checkpoint, readCheckpoint } from '../../models/build/build.ts';
import { onnxBackend } from '../../models/evaluation/backends.ts';
import { buildGraph } from '../../models/onnx/encoder.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { ANSWERED, type Case, CASES_FOLDER, CASES3_FOLDER, REFUSED, SECOND_SET } from '../cases.ts';

/** The ids of the text, the first choice for its mask and the probability of that. */
async function answer({ tokenizer, weights }: Checkpoint, text: string) {
  const { packed, special_tokens } = tokenizer;
  const encoding = createTokenizer(packed, special_tokens).encode(findMasks(text, special_tokens.mask.token));
  const [logits] = await (await onnxBackend(buildGraph(weights, 'float32'))).run([encoding]);
  const row = logits?.mlm.subarray(0, weights.config.vocab_size) ?? new Float32Array();
  const first = row.indexOf(Math.max(...row));
  const probability = Math.exp((row[first] ?? NaN) - (logits?.log_sum_exp[0] ?? NaN));
  return { ids: [...encoding.input_ids], first, probability };
}
const asExpected = ({ ids, first, probability = NaN }: Case) => ({
  ids,
  first,
  probability: expect.closeTo(probability, 3) as number,
});

describe.skipIf(ANSWERED.length === 0)(
  'a checkpoint of a public report (skipped unless CASES names their folder)',
  () => {
    it.each(ANSWERED)('%s is answered as by transformers', async (name, given) => {
      expect(await answer(await readCheckpoint(join(CASES_FOLDER, name)), given.text)).toEqual(asExpected(given));
    });

    it.each(REFUSED)('%s is refused by name', async (name, { refuse }) => {
      await expect(readCheckpoint(join(CASES_FOLDER, name))).rejects.toThrow(refuse ?? '');
    });
  },
);

describe.skipIf(SECOND_SET.length === 0)(
  'a checkpoint of the second set (skipped unless CASES3 names their folder)',
  () => {
    // A case of kind D has the answer of the merged model, and is refused.
    const readable = SECOND_SET.filter(([, { kind, first }]) => (first !== undefined && kind !== 'D') || kind === 'H');
    const others = SECOND_SET.filter((one) => !readable.includes(one));

    it.each(readable)('%s is answered as by transformers', async (name, given) => {
      const read = await readCheckpoint(join(CASES3_FOLDER, name));
      const found = await answer(read, given.text);
      // Of pickles, at most the ids are recorded.
      const { ids = found.ids, first } = given;
      expect(found).toEqual({ ...found, ids, ...(first !== undefined && asExpected(given)) });
      expect([name, read.weights.sentence?.head]).toEqual([name, name === 'pickle-heads' ? 'nsp' : undefined]);
    });

    it.each(others)('%s is refused by name', async (name, { refuse }) => {
      const folder = join(CASES3_FOLDER, name);
      const { message } = await readCheckpoint(folder).then(
        () => new Error('it was read'),
        (error: unknown) => error as Error,
      );
      expect(message.replaceAll(folder, '')).toMatch(new RegExp(refuse ?? '$^'));
      expect(message).not.toContain('set architectures');
    });
  },
);
