import { describe, expect, it } from 'vitest';

import { fillIn, findMasks, spellMasks, startsWord } from '../../src/tokenizer/masks.ts';

describe('masks', () => {
  it('are found in both spellings, in order', () => {
    expect(findMasks('a [MASK] and <mask>').masks).toEqual([
      { start: 2, end: 8 },
      { start: 13, end: 19 },
    ]);
  });

  it('are found side by side and behind characters of two code units', () => {
    expect(findMasks('😀[MASK][MASK]').masks.map(({ start }) => start)).toEqual([2, 8]);
  });

  it.each(['[mask]', '[ MASK ]', '<MASK>', 'MASK', '', '[MASK'])('are not %o', (text) => {
    expect(findMasks(text).masks).toEqual([]);
  });

  it('are spelled as the model has them', () => {
    expect(spellMasks(findMasks('<mask> is [MASK]!'), '[MASK]')).toBe('[MASK] is [MASK]!');
    expect(spellMasks(findMasks('<mask> is [MASK]!'), '<mask>')).toBe('<mask> is <mask>!');
  });

  it('know whether they begin a word', () => {
    const masked = findMasks('[MASK] un[MASK]\u00a0[MASK] ([MASK]');
    expect(masked.masks.map((_, m) => startsWord(masked, m))).toEqual([true, false, true, false]);
  });

  it('are replaced one at a time', () => {
    const masked = findMasks('<mask> is [MASK]!');
    expect(fillIn(masked, 0, 'it')).toBe('it is [MASK]!');
    expect(fillIn(masked, 1, '$&')).toBe('<mask> is $&!');
    expect(() => fillIn(masked, 2, 'x')).toThrow(RangeError);
  });
});
