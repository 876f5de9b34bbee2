/** The normalizers of a tokenizer. Expected values are those of `tokenizers` 0.23. */
import { describe, expect, it } from 'vitest';

import { splitCharsmap } from '../../../models/tokenizer/pack.ts';
import { type AlignedText, alignText, withoutOrigins } from '../../../src/tokenizer/aligned-text.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import characters from '../../fixtures/tokenizers/characters.json' with { type: 'json' };
import { blocksOfCharacters, sha256OfLines } from './characters.ts';

const bert = (changes = {}) => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
  ...changes,
});
const replace = (pattern: object, content: string) => ({ type: 'Replace', pattern, content });
const strip = (strip_left: boolean, strip_right: boolean) => ({ type: 'Strip', strip_left, strip_right });
const sequence = (...normalizers: unknown[]) => ({ type: 'Sequence', normalizers });

const doubling = (steps: number) => Array.from({ length: steps }, () => replace({ String: 'a' }, 'aa'));
/** Iterative, since a test must not overflow the stack either. */
function nested(depth: number): unknown {
  let json: unknown = { type: 'NFC' };
  for (let i = 0; i < depth; i++) json = sequence(json);
  return json;
}

const normalizerOf = (json: unknown) => {
  const { normalizer, charsmap } = splitCharsmap(json);
  return createNormalizer(normalizer, charsmap);
};

const made = (json: unknown, text: string) => createNormalizer(json)(alignText(text)).text.length;

describe('a normalizer', () => {
  it.each<[unknown, string, string]>([
    [null, ' É\n', ' É\n'],
    [bert(), 'É\t漢\0x\u00adİ', 'e  漢 xi'],
    [bert({ lowercase: false }), 'É', 'É'],
    [bert({ lowercase: false, strip_accents: true }), 'É', 'E'],
    [bert({ strip_accents: false }), 'É', 'é'],
    [bert({ handle_chinese_chars: false, clean_text: false }), '漢\t', '漢\t'],
    [{ type: 'NFC' }, 'e\u0301\u0323 \u1100\u1161', '\u1eb9\u0301 가'],
    [{ type: 'NFD' }, 'é가', 'e\u0301\u1100\u1161'],
    [{ type: 'NFKC' }, 'ﬁ①e\u0301', 'fi1é'],
    [{ type: 'NFKD' }, 'ﬁé', 'fie\u0301'],
    // A character and a mark that Unicode 9.0 does not have.
    [{ type: 'NFD' }, 'é\u{11938}', 'e\u0301\u{11938}'],
    [{ type: 'NFKC' }, 'ﬁq\u0301\u1abf', 'fiq\u0301\u1abf'],
    [{ type: 'StripAccents' }, 'e\u0301é', 'eé'],
    [{ type: 'Lowercase' }, 'ΑΣ İ', 'ασ i\u0307'],
    [{ type: 'Nmt' }, 'a\u200bb\u0001\0\u00ad', 'a b\0\u00ad'],
    [replace({ String: 'a.' }, 'x'), 'a.ab', 'xab'],
    [replace({ Regex: '\\s+' }, ' '), 'a \u00a0\u0085b', 'a b'],
    [replace({ Regex: '\\d' }, '#'), '1٣', '##'],
    [{ type: 'Prepend', prepend: '\u2581' }, 'a', '\u2581a'],
    [{ type: 'Prepend', prepend: '\u2581' }, '', ''],
    [strip(true, true), ' \u00a0a b\n', 'a b'],
    [strip(false, true), ' a ', ' a'],
    [sequence({ type: 'NFD' }, sequence({ type: 'StripAccents' }), { type: 'Lowercase' }), 'É', 'e'],
  ])('%j makes of %j %j', (json, text, normalized) => {
    for (const form of [(given: AlignedText) => given, withoutOrigins]) {
      expect(createNormalizer(json)(form(alignText(text))).text).toBe(normalized);
    }
  });

  it.each<[unknown, string, string]>([
    [{ type: 'NFC' }, 'e\u0301x', '0-1 2-3'],
    [{ type: 'NFKD' }, 'ﬁ', '0-1 0-1'],
    [{ type: 'StripAccents' }, 'e\u0301x', '0-1 2-3'],
    [replace({ String: 'ab' }, 'xyz'), 'abc', '1-2 1-2 1-2 2-3'],
    [{ type: 'Prepend', prepend: '\u2581' }, '😀', '0-2 0-2 0-2'],
    [strip(true, true), ' a ', '1-2'],
  ])('%j of %j comes from the code units %s', (json, text, origins) => {
    const { starts, ends } = createNormalizer(json)(alignText(text));
    expect(starts.map((start, i) => `${start}-${ends[i]}`).join(' ')).toBe(origins);
  });

  it.each<[unknown, string | RegExp]>([
    [{ type: 'ByteLevel' }, /normalizer\.type is not supported: .*"BertNormalizer".* received "ByteLevel"/],
    [
      sequence({ type: 'NFC' }, sequence({ type: 'Upper' })),
      'normalizer.normalizers.1.normalizers.0.type is not supported',
    ],
    [
      replace({ Regex: '(?<!a' }, ''),
      'normalizer.pattern is not supported: the pattern "(?<!a" is not supported: it ends too early',
    ],
    [{ type: 'Precompiled', precompiled_charsmap: btoa('\xff\0\0\0') }, 'ends within its trie'],
    [{ type: 'Precompiled', precompiled_charsmap: '' }, 'ends within its trie'],
    [
      { type: 'Precompiled', precompiled_charsmap: 'a?b' },
      'precompiled_charsmap is not supported: it is not in Base64',
    ],
    [
      sequence(...['AAAAAA==', 'AAAAAQ=='].map((text) => ({ type: 'Precompiled', precompiled_charsmap: text }))),
      'normalizer has more than one precompiled_charsmap',
    ],
  ])('%j is refused by name', (json, message) => {
    expect(() => normalizerOf(json)).toThrow(message);
  });

  it.each<[string, unknown, string]>([
    [
      'a pattern of exponential time',
      sequence({ type: 'NFC' }, replace({ Regex: '(a+)+$' }, '')),
      'normalizer.normalizers.1.pattern is not supported: the pattern "(a+)+$"',
    ],
    [
      'growth that multiplies',
      sequence(...doubling(16)),
      'normalizer is not supported: step 1 (Replace) makes a character 128 times as long',
    ],
    [
      'growth of what another step makes',
      sequence(replace({ String: 'x' }, 'ﬃ'.repeat(60)), { type: 'NFKD' }, replace({ Regex: '[f-g]' }, 'ff')),
      'step 1 (Replace) makes a character 120 times as long',
    ],
    ['growth of one step', replace({ String: 'a' }, 'b'.repeat(65)), 'step 1 (Replace) makes a character 65 times'],
    [
      'many long patterns',
      sequence(...Array.from({ length: 5 }, () => replace({ String: 'x'.repeat(250) }, ''))),
      'step 5 (Replace) and the patterns before it try 1250 characters at each place',
    ],
    ['a deep sequence', nested(9), 'normalizer is not supported: a Sequence is within more than 8 others'],
    ['a very deep sequence', nested(100_000), 'normalizer is not supported: a Sequence is within more than 8 others'],
    [
      'many steps',
      sequence(...Array.from({ length: 65 }, () => ({ type: 'NFC' }))),
      'normalizer.normalizers.64 is not supported: normalizer has more than 64 steps',
    ],
    ['a long prefix', { type: 'Prepend', prepend: ' '.repeat(65) }, 'normalizer.prepend is not supported'],
  ])('with %s is refused by name', (_, json, message) => {
    expect(() => createNormalizer(json)).toThrow(message);
  });

  it('may replace many characters by longer texts, none of which grows again', () => {
    const marks = Array.from('!"#$%&()*+,-./:;<=>?@[]^_{|}~');
    const steps = [...marks.map((mark) => replace({ String: mark }, ` ${mark} `)), replace({ Regex: '\\s+' }, ' ')];
    expect(createNormalizer(sequence(...steps, strip(true, true)))(alignText('(a.b)')).text).toBe('( a . b )');
  });

  it.each<[string, unknown, string, number]>([
    ['compatibility characters', { type: 'NFKC' }, '\ufdfa', 18],
    ['a replacement', replace({ String: 'a' }, 'b'.repeat(64)), 'a', 64],
  ])('makes of %s at most four times as much as it reads', (_, json, character, growth) => {
    // A short text may become as long as one of 1024 code units.
    const short = Math.floor(4096 / growth);
    expect(made(json, character.repeat(short))).toBe(short * growth);
    expect(() => made(json, character.repeat(short + 1))).toThrow('a text has more than 4096 characters');
    expect(() => made(json, character.repeat(5000))).toThrow(
      'a text has more than 20000 characters when it is normalized',
    );
  });

  it.each<[string, unknown, string, number]>([
    ['normalization', { type: 'NFKC' }, '\ufdfa', 18],
    ['ideographs and lower case', bert(), '漢', 3],
  ])('counts by %s what it made of all sections of a text together', (_, json, character, growth) => {
    const normalize = createNormalizer(json);
    for (const form of [(text: AlignedText) => text, withoutOrigins]) {
      const section = form(alignText(character.repeat(200)));
      const sections = Math.floor(section.limit / (200 * growth));
      const before: number[] = [];
      for (let i = 0; i < sections; i++) expect(normalize(section, before).text).toHaveLength(200 * growth);
      expect(() => normalize(section, before)).toThrow('a text has more than 4096 characters');
    }
  });

  it('may make texts of ordinary scripts three times as long', () => {
    expect(made(bert(), '漢'.repeat(5000))).toBe(15_000);
    expect(made({ type: 'NFKD' }, '각'.repeat(5000))).toBe(15_000);
  });

  it.each(characters.cases.filter(({ component }) => !('pre_tokenizer' in component)))(
    'gives for every character what tokenizers gives: %j',
    ({ component, sha256 }) => {
      const normalize = normalizerOf(component.normalizer);
      const texts = blocksOfCharacters().map((block) => alignText(block));
      const normalized = texts.map((text) => normalize(text).text);
      expect(sha256OfLines(normalized)).toBe(sha256);
      // Without origins, most steps change a text as a whole.
      expect(texts.map((text) => normalize(withoutOrigins(text)).text)).toEqual(normalized);
    },
  );
});
