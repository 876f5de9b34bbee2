/** The patterns of a tokenizer: those that are read, as Oniguruma reads them, and those that are refused. */
import { describe, expect, it } from 'vitest';

import { alignText, replaceMatches } from '../../../src/tokenizer/aligned-text.ts';
import { readPattern, replaceAll } from '../../../src/tokenizer/patterns.ts';
import { READ, REFUSED } from './pattern-table.ts';

describe('a pattern', () => {
  it.each(READ)('%j is read: it makes of %j %j', (Regex, text, replaced) => {
    expect(replaceAll(text, readPattern({ Regex }).regex, () => '_')).toBe(replaced);
    expect(replaceMatches(alignText(text), readPattern({ Regex }).regex, () => '_').text).toBe(replaced);
  });

  it.each(REFUSED)('%j is refused, since %s', (Regex, why) => {
    expect(() => readPattern({ Regex })).toThrow(why);
    expect(() => readPattern({ Regex })).toThrow('is not supported');
  });

  it('of a text is that text', () => {
    const { regex, shortest, steps } = readPattern({ String: '(a+)+$😀' });
    expect('b(a+)+$😀b'.replace(regex, '_')).toBe('b_b');
    expect([shortest, steps]).toEqual([7, 7]);
    expect(() => readPattern({ String: '' })).toThrow('it is an empty text');
    expect(() => readPattern({ String: 'a'.repeat(257) })).toThrow('it tries up to 257 characters');
  });

  it('knows its shortest match, and the characters of its matches', () => {
    const { shortest, accepts } = readPattern({ Regex: 'ab?c{2}|[xyz]{3,}' });
    expect(shortest).toBe(3);
    expect(Array.from('abcdxw').map(accepts)).toEqual([true, true, true, false, true, false]);
    const empty = readPattern({ Regex: 'a*|(?=b)' });
    expect([empty.shortest, empty.accepts('z')]).toEqual([0, true]);
  });
});
