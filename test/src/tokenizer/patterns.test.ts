/** The patterns of a tokenizer: those that are read, as Oniguruma reads them, and those that are refused. */
import { describe, expect, it } from 'vitest';

import { readPattern } from '../../../src/tokenizer/patterns.ts';

const BLANKS = '\u1680\u2028\u0085';

describe('a pattern', () => {
  // The forms that files of published models have.
  it.each<[string, string, string]>([
    [' {2,}', 'a b  c   ', 'a b_c_'],
    ['\\s+', `a \n${BLANKS}b\ufeff`, 'a_b\ufeff'],
    ['\\s{3,}', 'a  b   c', 'a  b_c'],
    ['[ \\t\\r\\n]+', 'a\t\r\n b', 'a_b'],
    ['[\t\n\u000b\f\r \u0085\u1680\u2028\u2029]+', `a${BLANKS}b`, 'a_b'],
    ['\\n', 'a\n\nb', 'a__b'],
    ['\\r\\n|\\r', 'a\r\n\rb', 'a__b'],
    ["``|''|[\u201c\u201d\u201e]", "``a''b'„", "_a_b'_"],
    ['[!"\\#\\$%\\&\'\\(\\)\\*\\+,\\-\\./:;<=>\\?@\\[\\\\\\]\\^_`\\{\\|\\}\\~]', '[a]-b\\^', '_a__b__'],
    ['\\p{P}+', 'a!?b', 'a_b'],
    ['\\p{Lu}', 'aÉb', 'a_b'],
    ['\\P{L}', 'a1b', 'a_b'],
    ['\\d', '1٣a', '__a'],
    ['\\D{2}', '1ab2c', '1_2c'],
    ['[^\\S]', 'a b', 'a_b'],
    ['[^a-c\\d]+', 'axyzb1', 'a_b1'],
    ['[a-]', 'a-b', '__b'],
    ['[+--]', '+,-.', '___.'],
    ['\\u00ad', 'a\u00adb', 'a_b'],
    ['.', 'a\r\n\u2028', '__\n_'],
    ['a?b+', 'abbbacb', '_ac_'],
    ['a{2}b{0,2}', 'aabbbab', '_bab'],
    ['😀{2}', '😀😀😀', '_😀'],
  ])('%j is read: it makes of %j %j', (Regex, text, replaced) => {
    expect(text.replace(readPattern({ Regex }).regex, '_')).toBe(replaced);
  });

  it.each<[string, string]>([
    ['', 'it matches an empty text'],
    ['a*', 'it matches an empty text'],
    ['a|', 'it matches an empty text'],
    ['(a+)+$', 'groups, look-around and options are not read'],
    ['(?=a)', 'groups, look-around and options are not read'],
    ['(?i)a', 'groups, look-around and options are not read'],
    ['a)', 'groups are not read'],
    ['^ $', 'it stands for the beginning of a line'],
    [' $', 'it stands for the end of a line'],
    ['\\s+b', 'something follows a repetition without a limit, which may take quadratic time'],
    ['漢*字', 'something follows a repetition without a limit'],
    ['a+a+', 'something follows a repetition without a limit'],
    ['a+?', 'a lazy, possessive or nested repetition is not read'],
    ['a++', 'a lazy, possessive or nested repetition is not read'],
    ['a{2}{3}', 'a lazy, possessive or nested repetition is not read'],
    ['a{0,9}a{0,9}a{0,9}b', 'it tries up to 28000 characters at each place of a text; the limit is 256'],
    ['a{300}', 'it tries up to 300 characters'],
    ['a{,2}', '{ is read only in a repetition such as {2} or {2,}'],
    ['a{2,1}', 'is not a repetition'],
    ['{', '{ stands where a character should'],
    ['a{', '{ is read only in a repetition'],
    ['+a', '+ stands where a character should'],
    ['\\w', '\\w is not read'],
    ['\\b', '\\b is not read'],
    ['\\1', '\\1 is not read'],
    ['\\x41', '\\x is not read'],
    ['\\ud800', 'it has half a character'],
    ['\\u{41}', '\\u is read only with four hexadecimal digits'],
    ['\\p{Han}', '\\p is read only with a general category'],
    ['\\', 'it ends too early'],
    ['[a', 'it ends too early'],
    ['[]a]', 'a class is empty'],
    ['[a[b]]', 'a class within a class is not read'],
    ['[[:space:]]', 'a class within a class is not read'],
    ['[a&&b]', 'a class within a class is not read'],
    ['[b-a]', 'the range from b is not one of characters'],
    ['[\\d-z]', 'a range begins with a class'],
    ['[a-\\d]', 'the range from a is not one of characters'],
  ])('%j is refused, since %s', (Regex, why) => {
    expect(() => readPattern({ Regex })).toThrow(why);
    expect(() => readPattern({ Regex })).toThrow('is not supported');
  });

  it('of a text is that text', () => {
    const { regex, shortest, steps } = readPattern({ String: '(a+)+$😀' });
    expect('b(a+)+$😀b'.replace(regex, '_')).toBe('b_b');
    expect([shortest, steps]).toEqual([7, 7]);
    expect(() => readPattern({ String: '' })).toThrow('it matches an empty text');
    expect(() => readPattern({ String: 'a'.repeat(257) })).toThrow('it tries up to 257 characters');
  });

  it('knows its shortest match, and the characters of its matches', () => {
    const { shortest, accepts } = readPattern({ Regex: 'ab?c{2}|[xyz]{3,}' });
    expect(shortest).toBe(3);
    expect(Array.from('abcdxw').map(accepts)).toEqual([true, true, true, false, true, false]);
  });
});
