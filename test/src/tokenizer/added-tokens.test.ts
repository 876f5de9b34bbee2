/** Finding the added tokens in a text. */
import { afterEach, describe, expect, it, vi } from 'vitest';

import { createAddedTokens } from '../../../src/tokenizer/added-tokens.ts';
import { alignText } from '../../../src/tokenizer/aligned-text.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import { addedToken } from './small-tokenizers.ts';

afterEach(() => void vi.restoreAllMocks());

const lowercase = createNormalizer({ type: 'Lowercase' });

/** The sections of a text; an added token is in brackets. */
const sectionsOf = (tokens: unknown, text: string) =>
  createAddedTokens(tokens, lowercase)
    .extract(alignText(text))
    .map(({ text: { text: section }, token }) => (token ? `[${section}]` : section))
    .join('|');

const [AA, AAA] = [addedToken('aa', 1), addedToken('aaa', 2)];
const ALONE = [addedToken('aa', 1, { single_word: true })];
const BOTH = { lstrip: true, rstrip: true };

describe('added tokens', () => {
  it.each<[unknown, string, string]>([
    [null, 'aA', 'aa'],
    [[], '', ''],
    [[AA, AAA], 'aaaaa', '[aaa]|[aa]'],
    [[AA], 'aAaaAA', 'aa|[aa]|aa'],
    [[addedToken('Aa', 1, { normalized: true })], 'xAAx', 'x|[aa]|x'],
    [[AA, addedToken('b', 3, { normalized: true })], 'BaaB', '[b]|[aa]|[b]'],
    [[addedToken('.', 1)], 'a.b', 'a|[.]|b'],
    [ALONE, 'aa,aab aa', '[aa]|,aab |[aa]'],
    ...['aab', 'baa', '_aa', 'éaa', 'aa𝐚', '𝐚aa'].map((text): [unknown, string, string] => [ALONE, text, text]),
    [[addedToken('!', 1, { lstrip: true })], 'a \t! b', 'a|[ \t!]| b'],
    [[addedToken('!', 1, { rstrip: true })], 'a ! \nb', 'a |[! \n]|b'],
    [[addedToken('!', 1, BOTH)], ' ! \n !b', '[ ! \n ]|[!]|b'],
    [[addedToken('x'.repeat(128), 1)], 'x'.repeat(129), `[${'x'.repeat(128)}]|x`],
  ])('%j divide %j into %s', (tokens, text, sections) => {
    expect(sectionsOf(tokens, text)).toBe(sections);
  });

  it.each<[unknown, string]>([
    [[{ id: 1 }], 'added_tokens.0.content is not supported'],
    [[AA, addedToken('', 2)], 'added_tokens.1.content is not supported'],
    [[AA, addedToken('x'.repeat(129), 2)], 'added_tokens.1.content is not supported'],
    [{}, 'added_tokens is not supported'],
  ])('%j are refused by name', (tokens, message) => {
    expect(() => createAddedTokens(tokens, lowercase)).toThrow(message);
  });

  it('that are blanks, and take those after them, read each once', () => {
    const text = ' '.repeat(1000);
    const added = createAddedTokens([addedToken(' ', 1, BOTH)], lowercase);
    const source = alignText(text);
    const read = vi.spyOn(String.prototype, 'charAt');
    added.extract(source);
    expect(read.mock.calls.length).toBeLessThan(4 * text.length);
  });
});
