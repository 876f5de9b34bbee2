/** Stages of the pipelines that need no model: limits, to the last text, and answers put into texts. */
import { describe, expect, it } from 'vitest';

import { resolveJson } from '../../../src/http/stream-json.ts';
import { CANDIDATE_BYTES, FURTHER_PIECE_BYTES, MAX_TEXTS, STREAM_PART_BYTES } from '../../../src/limits.ts';
import { checkTexts } from '../../../src/pipelines/check-texts.ts';
import { presentCandidates } from '../../../src/pipelines/present-candidates.ts';
import type { Encoding } from '../../../src/inference/backend.ts';
import type { Candidates } from '../../../src/predict/answers.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';

const lengthOf = ({ length }: string) => length;

const checkLengths = (texts: string[], isList = true) => checkTexts({ texts, isList }, lengthOf, 5);
const refuseX = (text: string, index: number | undefined) =>
  text.startsWith('x') ? ({ reason: 'has_mask', index } as const) : undefined;
const candidate = (token_str: string, more: object = {}): Candidates[number][number] => ({
  score: 0.5,
  token: 1,
  token_str,
  fills: [token_str],
  ...more,
});

const firstError = (texts: string[]) => checkTexts({ texts, isList: true }, lengthOf, 5, refuseX);

describe('texts', () => {
  it('may be as many and as long as the limits, and no more', () => {
    expect(checkLengths(Array.from({ length: MAX_TEXTS }, () => '12345'))).toBeUndefined();
    expect(checkLengths(Array.from({ length: MAX_TEXTS + 1 }, () => ''))).toEqual({
      reason: 'too_many_texts',
      texts: MAX_TEXTS + 1,
      limit: MAX_TEXTS,
    });
    expect(checkLengths(['', '123456'])).toEqual({ reason: 'text_too_long', index: 1, length: 6, limit: 5 });
    expect(checkLengths(['123456'], false)).toMatchObject({ index: undefined });
  });

  it('are checked in their order, each by its length first', () => {
    expect(firstError(['a', 'x', '123456'])).toEqual({ reason: 'has_mask', index: 1 });
    expect(firstError(['a', 'x23456'])).toMatchObject({ reason: 'text_too_long', index: 1 });
    expect(firstError(['a'])).toBeUndefined();
  });
});

const text = findMasks('🦊 [MASK] and [MASK].');
const encoding: Encoding = {
  input_ids: new Int32Array(),
  token_type_ids: new Int32Array(),
  masked_positions: new Int32Array(),
};
const independent = { strategy: 'independent', return_offsets: false } as const;
const listOf = (length: number, candidates: number) => {
  const long = findMasks(`${'a'.repeat(length - 6)}[MASK]`);
  const { lists } = presentCandidates(
    [Array.from({ length: candidates }, () => candidate('b'))],
    long,
    encoding,
    independent,
  );
  return lists[0];
};
const of = (...candidates: Candidates[number]) => presentCandidates([candidates], text, encoding, independent).bytes;

describe('candidates', () => {
  it('are put into the place of their mask, and others stay', () => {
    const { lists } = presentCandidates(
      [[candidate('a')], [candidate(',', { joins: [true] })]],
      text,
      encoding,
      independent,
    );
    expect(lists.map(resolveJson)).toEqual([
      [{ score: 0.5, token: 1, token_str: 'a', sequence: '🦊 a and [MASK].' }],
      [{ score: 0.5, token: 1, token_str: ',', sequence: '🦊 [MASK] and,.' }],
    ]);
  });

  it('of a search are put into all places', () => {
    const both = candidate('a', { fills: ['a', 'b'], token_ids: [1, 2], token_strs: ['a', 'b'] });
    const joint = { strategy: 'joint', return_offsets: true } as const;
    const { lists } = presentCandidates([[both]], text, encoding, joint);
    expect(lists.map(resolveJson)).toEqual([
      [
        {
          score: 0.5,
          token: 1,
          token_str: 'a',
          sequence: '🦊 a and b.',
          token_ids: [1, 2],
          token_strs: ['a', 'b'],
          offsets: [
            { utf16: [3, 9], code_points: [2, 8] },
            { utf16: [14, 20], code_points: [13, 19] },
          ],
        },
      ],
    ]);
  });

  it('have the place of their mask, and what was cut, where that is wanted', () => {
    const cut = { ...encoding, truncated: { tokens_before: 1, tokens_after: 2 } };
    const cutLists = presentCandidates([[candidate('a')], [candidate('b')]], text, cut, {
      ...independent,
      return_offsets: true,
    }).lists.map(resolveJson);
    expect(cutLists[1]).toMatchObject([
      { offsets: { utf16: [14, 20] }, truncated: { tokens_before: 1, tokens_after: 2 } },
    ]);
    const plain = presentCandidates([[candidate('a')], [candidate('b')]], text, encoding, independent);
    expect(plain.lists.map(resolveJson)[0]).toEqual([
      { score: 0.5, token: 1, token_str: 'a', sequence: '🦊 a and [MASK].' },
    ]);
  });

  it('of a long text are made one by one, and of a short one at once', () => {
    const shortest = Math.ceil(STREAM_PART_BYTES / 6 / 10);
    expect(listOf(shortest - 1, 10)).toBeTypeOf('function');
    expect(listOf(shortest, 10)).toHaveLength(10);
    expect(resolveJson(listOf(shortest, 10) ?? [])).toEqual(
      Array.from({ length: 10 }, () => ({
        score: 0.5,
        token: 1,
        token_str: 'b',
        sequence: `${'a'.repeat(shortest - 6)}b`,
      })),
    );
  });

  it('are reckoned with their pieces', () => {
    expect(of(candidate('a'), candidate('b'))).toBe(2 * CANDIDATE_BYTES);
    expect(of(candidate('a', { token_ids: [1, 2, 3] }))).toBe(CANDIDATE_BYTES + 2 * FURTHER_PIECE_BYTES);
  });
});
