/** Targets as token ids, exactly at their limits, and batches of their runs. */
import { describe, expect, it } from 'vitest';

import { MAX_MASKS_PER_RUN, MAX_TARGET_PIECES, MAX_TARGET_TOKENIZATIONS, SLICE_WORK } from '../../../src/limits.ts';
import { logitsRow, runModel } from '../../../src/predict/runs.ts';
import { encodeTargets, growthBy } from '../../../src/predict/targets.ts';
import { noWork } from '../../../src/predict/work.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';

/** A piece for each letter; after a letter, another one. "?" is unknown. */
const tokenizer = {
  unk_id: 0,
  encodeTarget: (target: string, before: string) =>
    Array.from(target.trim(), (letter) => (letter === '?' ? 0 : letter.charCodeAt(0) + (/\w/.test(before) ? 1000 : 0))),
} as unknown as Tokenizer;
const of = (target: string, ...ids: number[]) => ({ target, ids });
const encode = (texts: readonly string[], targets: readonly string[]) =>
  encodeTargets(
    texts.map((text) => findMasks(text)),
    targets,
    tokenizer,
  );

/** Texts whose masks follow as many different letters. */
const textsWith = (contexts: number) =>
  Array.from({ length: contexts }, (_, i) => `${String.fromCharCode(97 + i)}[MASK]`);
const withMasks = (masks: number, tokens = 20) => ({
  input_ids: new Int32Array(tokens),
  token_type_ids: new Int32Array(tokens),
  masked_positions: new Int32Array(masks),
});

describe('targets', () => {
  it('have their pieces at each mask, each once, with the target as it was sent first', () => {
    const [a, b] = [97, 98];
    expect(encode(['un[MASK] [MASK]'], ['a ', 'b', ' a', 'a'])).toEqual({
      ok: true,
      value: [
        [
          [of('a ', a + 1000), of('b', b + 1000)],
          [of('a ', a), of('b', b)],
        ],
      ],
    });
  });

  it('may have 16 pieces, and no more', () => {
    expect(encode(['[MASK]'], ['a'.repeat(MAX_TARGET_PIECES)]).ok).toBe(true);
    expect(encode(['[MASK]'], ['a'.repeat(MAX_TARGET_PIECES + 1)])).toMatchObject({
      error: { reason: 'target_too_long', in: 'pieces', size: MAX_TARGET_PIECES + 1, limit: MAX_TARGET_PIECES },
    });
  });

  it('may need as many tokenizations as the limit, and no more', () => {
    const targets = Array.from({ length: 64 }, (_, i) => String.fromCharCode(0x4e00 + i));
    const most = MAX_TARGET_TOKENIZATIONS / 64;
    expect(encode(textsWith(most), targets).ok).toBe(true);
    expect(encode(textsWith(most + 1), targets)).toEqual({
      ok: false,
      error: { reason: 'too_many_targets', targets: 64, contexts: most + 1, limit: MAX_TARGET_TOKENIZATIONS },
    });
  });

  it.each([
    ['?', 'target_unknown'],
    ['a?', 'target_unknown'],
    [' ', 'target_empty'],
  ])('may not be %j: %s', (target, reason) => {
    expect(encode(['[MASK]'], ['a', target])).toEqual({ ok: false, error: { reason, target } });
  });

  it('let a text grow by the longest of them', () => {
    expect(growthBy([[of('', 1), of('', 1, 2, 3)], [of('', 1, 2)]])).toBe(2);
    expect(growthBy([[of('', 1)]])).toBe(0);
    expect(growthBy([])).toBe(0);
  });
});

describe('the runs of texts', () => {
  const logits = { mlm: new Float32Array(), log_sum_exp: new Float64Array(), sentence: new Float32Array() };
  async function sizesOf(masks: readonly number[], work: number) {
    const sizes: number[] = [];
    const counted = noWork();
    const run = (batch: readonly object[]) => {
      sizes.push(batch.length);
      return Promise.resolve(batch.map(() => logits));
    };
    const encodings = masks.map((count) => withMasks(count));
    await runModel(encodings, { run, costOf: () => work }, counted, () => undefined);
    return { sizes, counted };
  }

  it('are as large as the limits, and no larger', async () => {
    expect((await sizesOf([1, 1, 1, 1], SLICE_WORK / 2)).sizes).toEqual([2, 2]);
    expect((await sizesOf([1, 1, 1, 1], SLICE_WORK / 2 + 1)).sizes).toEqual([1, 1, 1, 1]);
    const half = MAX_MASKS_PER_RUN / 2;
    expect((await sizesOf([half, half, 1, half], 0)).sizes).toEqual([2, 2]);
    expect((await sizesOf([half, half + 1, half], 0)).sizes).toEqual([1, 1, 1]);
    expect((await sizesOf([], 0)).sizes).toEqual([]);
  });

  it('are counted', async () => {
    const { counted } = await sizesOf([3, 2], 0);
    expect(counted).toMatchObject({ texts: 0, tokens: 40, masks: 5 });
    expect(counted.infer_ms).toBeGreaterThanOrEqual(0);
  });

  it('give a row of logits for each mask, unless they have another shape or are not finite', () => {
    const two = {
      mlm: Float32Array.of(1, 2, 3, 4),
      log_sum_exp: Float64Array.of(5, Infinity),
      sentence: logits.sentence,
    };
    expect(logitsRow(two, 0)).toEqual({ row: Float32Array.of(1, 2), total: 5 });
    expect(() => logitsRow(two, 1)).toThrow('the logits are not finite numbers');
    expect(() => logitsRow(two, 2)).toThrow('the logits have another shape');
    expect(() => logitsRow({ ...two, mlm: new Float32Array(3) }, 0)).toThrow('the logits have another shape');
  });
});
