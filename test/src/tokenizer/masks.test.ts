import { describe, expect, it } from 'vitest';

import { characterBefore, fillIn, findMasks, spellMasks } from '../../../src/tokenizer/masks.ts';

describe('masks', () => {
  it('are found in both spellings, in order', () => {
    expect(findMasks('a [MASK] and <mask>').masks).toEqual([
      { start: 2, end: 8 },
      { start: 13, end: 19 },
    ]);
  });

  it('are found side by side and after characters of two code units', () => {
    expect(findMasks('😀[MASK][MASK]').masks.map(({ start }) => start)).toEqual([2, 8]);
  });

  it.each(['[mask]', '[ MASK ]', '<MASK>', 'MASK', '', '[MASK'])('are not %o', (text) => {
    expect(findMasks(text).masks).toEqual([]);
  });

  it("are found in the model's own spelling too, once it is known", () => {
    const text = '[MASK] <MASK> <mask> <Mask>';
    const masks = findMasks(text, '<MASK>').masks.map(({ start, end }) => text.slice(start, end));
    expect(masks).toEqual(['[MASK]', '<MASK>', '<mask>']);
    expect(findMasks('a.b axb', 'a.b').masks).toEqual([{ start: 0, end: 3 }]);
  });

  it('are spelled as the model has them', () => {
    expect(spellMasks(findMasks('<mask> is [MASK]!'), '[MASK]').text).toBe('[MASK] is [MASK]!');
    expect(spellMasks(findMasks('<mask> is [MASK]!'), '<m>').text).toBe('<m> is <m>!');
  });

  it.each(['[MASK]', '<mask>', '<m>', '<the mask>'])('spelled %s are where they were sent', (token) => {
    const sent = 'a <mask>b[MASK][MASK]';
    const masked = findMasks(sent);
    const { text, sentAt } = spellMasks(masked, token);
    expect(text).toBe(`a ${token}b${token}${token}`);
    for (const [from, to, part] of [
      [0, 2, 'a '],
      [2, 2 + token.length, '<mask>'],
      [2 + token.length, 3 + token.length, 'b'],
      [3 + token.length, 3 + 2 * token.length, '[MASK]'],
      [3 + 2 * token.length, text.length, '[MASK]'],
    ] as const) {
      expect(sent.slice(sentAt(from), sentAt(to))).toBe(part);
    }
    expect(sentAt(text.length)).toBe(sent.length);
  });

  it('know what stands before them', () => {
    const masked = findMasks('[MASK] un[MASK]\u00a0[MASK] ([MASK]😀[MASK]');
    expect(masked.masks.map((_, m) => characterBefore(masked, m))).toEqual(['', 'n', '\u00a0', '(', '😀']);
  });

  it('are replaced one at a time', () => {
    const masked = findMasks('<mask> is [MASK]!');
    expect(fillIn(masked, 0, 'it')).toBe('it is [MASK]!');
    expect(fillIn(masked, 1, '$&')).toBe('<mask> is $&!');
    expect(() => fillIn(masked, 2, 'x')).toThrow(RangeError);
    expect(fillIn(masked, 1, ',', true)).toBe('<mask> is,!');
  });

  it('are replaced without a second space', () => {
    const masked = findMasks('<mask> I [MASK] you, un[MASK]');
    expect(fillIn(masked, 0, ' So')).toBe('So I [MASK] you, un[MASK]');
    expect(fillIn(masked, 1, ' love')).toBe('<mask> I love you, un[MASK]');
    expect(fillIn(masked, 2, ' able')).toBe('<mask> I [MASK] you, un able');
    expect(fillIn(masked, 2, 'able')).toBe('<mask> I [MASK] you, unable');
  });
});
