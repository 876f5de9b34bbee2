/** The pre-tokenizers. Expected values are those of `tokenizers` 0.23. */
import { describe, expect, it } from 'vitest';

import { alignText, sliceText } from '../../../src/tokenizer/aligned-text.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import { createPreTokenizer, type Words } from '../../../src/tokenizer/pre-tokenizers/create-pre-tokenizer.ts';
import characters from '../../fixtures/tokenizers/characters.json' with { type: 'json' };
import { blocksOfCharacters, sha256OfLines } from './characters.ts';

const metaspace = (changes = {}) => ({ type: 'Metaspace', replacement: '\u2581', ...changes });
const byteLevel = (add_prefix_space: boolean, use_regex = true) => ({ type: 'ByteLevel', add_prefix_space, use_regex });
const onWhitespace = (then: object) => ({ type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, then] });

const wordsOf = ({ text, bounds }: Words) =>
  bounds.flatMap((from, i) => (i % 2 === 0 ? [sliceText(text, from, bounds[i + 1] ?? from)] : []));

describe('a pre-tokenizer', () => {
  it.each<[unknown, string, string[], string[]?]>([
    [null, 'a b', ['a b']],
    [null, '', []],
    [{ type: 'BertPreTokenizer' }, 'don’t (a$b)\u00a0x', ['don', '’', 't', '(', 'a', '$', 'b', ')', 'x']],
    [{ type: 'Whitespace' }, 'don’t_x ($b) \u00a0é', ['don', '’', 't_x', '($', 'b', ')', 'é']],
    [{ type: 'WhitespaceSplit' }, 'don’t (a$b)\n\u00a0x', ['don’t', '(a$b)', 'x']],
    [{ type: 'Punctuation' }, 'a, (b $c', ['a', ',', ' ', '(', 'b ', '$', 'c']],
    [
      byteLevel(false),
      "I'll  go\n é1 ",
      ['I', "'ll", 'Ġ', 'Ġgo', 'Ċ', 'ĠÃ©', '1', 'Ġ'],
      ['I', "'ll", ' ', ' go', '\n', ' é', '1', ' '],
    ],
    [byteLevel(true), 'a b', ['Ġa', 'Ġb'], ['a', ' b']],
    [byteLevel(true), ' a', ['Ġa'], [' a']],
    [byteLevel(false, false), 'a b ', ['aĠbĠ'], ['a b ']],
    [metaspace(), 'a  b', ['\u2581a', '\u2581', '\u2581b'], ['a', ' ', ' b']],
    [metaspace(), ' a', ['\u2581a'], [' a']],
    [metaspace({ prepend_scheme: 'never' }), 'a b', ['a', '\u2581b'], ['a', ' b']],
    [metaspace({ add_prefix_space: false }), 'a b', ['a', '\u2581b'], ['a', ' b']],
    [metaspace({ split: false }), 'a b', ['\u2581a\u2581b'], ['a b']],
    [onWhitespace(metaspace({ prepend_scheme: 'first' })), 'a b', ['\u2581a', 'b'], ['a', 'b']],
    [onWhitespace(metaspace()), 'a b', ['\u2581a', '\u2581b'], ['a', 'b']],
  ])('%j splits %j into %j', (json, text, words, parts = words) => {
    const found = wordsOf(createPreTokenizer(json).split(alignText(text)));
    expect(found.map((word) => word.text)).toEqual(words);
    expect(found.map(({ starts, ends }) => text.slice(starts[0], ends.at(-1)))).toEqual(parts);
  });

  it.each<[unknown, string | RegExp]>([
    [{ type: 'Digits' }, /pre_tokenizer\.type is not supported: .*"WhitespaceSplit".* received "Digits"/],
    [{ type: 'Punctuation', behavior: 'Removed' }, 'pre_tokenizer.behavior is not supported'],
    [onWhitespace({ type: 'Digits' }), 'pre_tokenizer.pretokenizers.1.type is not supported'],
  ])('%j is refused by name', (json, message) => {
    expect(() => createPreTokenizer(json)).toThrow(message);
  });

  it.each(characters.cases.filter(({ component }) => 'pre_tokenizer' in component))(
    'splits every character as tokenizers does: %j',
    ({ component, sha256 }) => {
      const normalize = createNormalizer(component.normalizer);
      const { split } = createPreTokenizer(component.pre_tokenizer);
      const words = blocksOfCharacters().map((block) =>
        wordsOf(split(normalize(alignText(block)))).map(({ text }) => text),
      );
      expect(sha256OfLines(words.map((found) => found.join('\0')))).toBe(sha256);
    },
  );
});
