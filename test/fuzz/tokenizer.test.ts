/**
 * Fuzzes the files of a tokenizer, which may come from a stranger: each is refused by name, or gives a consistent encoding of any
 * text in a time that has a bound.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { packTokenizer } from '../../models/tokenizer/pack.ts';
import type { Encoding } from '../../src/inference/backend.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { NormalizedTextTooLong } from '../../src/tokenizer/normalized-limit.ts';
import { readPattern } from '../../src/tokenizer/patterns.ts';
import { addedToken, albertJson, bertJson, robertaJson } from '../src/tokenizer/small-tokenizers.ts';
import { fuzz, FUZZ_TIMEOUT } from './fuzz.ts';

const MASK = { id: 4, token: '[MASK]' };
const SPECIAL = { mask: MASK, unk: { id: 1, token: '[UNK]' } };

/** Runs something that may refuse its input by name, and nothing else. */
function named<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    const isNamed =
      error instanceof NormalizedTextTooLong ||
      (error instanceof Error && /^(tokenizer\.(json|bin): |the tokenizer sees )/.test(error.message));
    if (!isNamed) throw error;
    return undefined;
  }
}

/** Whether two encodings have the same ids, types and masks. */
const isSame = (one: Encoding | undefined, other: Encoding | undefined): boolean =>
  (['input_ids', 'token_type_ids', 'masked_positions'] as const).every(
    (name) =>
      one?.[name].length === other?.[name].length && one?.[name].every((id, i) => id === other?.[name][i]) !== false,
  );

/** Encodes a text, and checks the arrays. */
function encode(bytes: Uint8Array, text: string): void {
  const tokenizer = named(() => createTokenizer(bytes, SPECIAL));
  if (!tokenizer) return;
  const encoding = named(() => tokenizer.encode(findMasks(text)));
  const ids = named(() => tokenizer.encodeIds(findMasks(text)));
  if (!isSame(encoding, ids)) throw new Error('the ids without offsets are others');
  named(() => tokenizer.encodeTarget(text.slice(0, 20), text.slice(20, 21)));
  if (!encoding) return;
  const { input_ids, token_type_ids, masked_positions, offsets } = encoding;
  const { length } = input_ids;
  const isConsistent =
    token_type_ids.length === length &&
    offsets.length === 2 * length &&
    masked_positions.every((position) => input_ids[position] === MASK.id) &&
    offsets.every((offset) => offset >= 0 && offset <= text.length) &&
    // A byte is the smallest token, and a text grows at most as much as its limit says.
    length <= 3 * 4 * Math.max(1024, text.length) + 1000;
  if (!isConsistent) throw new Error('the encoding is not consistent');
  named(() => tokenizer.decode(Array.from(input_ids.subarray(0, 100))));
  named(() => tokenizer.fill(Array.from(input_ids.subarray(0, 5))));
  named(() => tokenizer.continuesWord(input_ids[0]));
}

const CHARACTERS = Array.from('aab cx1 \n\té\u0301漢가ﷺﬁ😀.,!`\'"[]()▁Ġ#<>\u00ad\u200d\u0345İ');
const piece = fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 6 });
/** Long texts are repetitions, in which a slow pattern shows. */
const text = fc
  .tuple(piece, fc.oneof(fc.constant(1), fc.nat(3), fc.constantFrom(100, 3000)), piece, fc.constantFrom('', '[MASK]'))
  .map(([part, times, end, mask]) => part.repeat(times).slice(0, 4096) + mask + end);

const REGEX = [
  'a',
  'b',
  ' ',
  '\\s',
  '\\S',
  '\\d',
  '\\p{L}',
  '.',
  '[ab]',
  '[^a]',
  '[a-c]',
  '(',
  ')',
  '(?=',
  '|',
  '^',
  '$',
  '\\b',
  '\\w',
  '\\R',
  '(?:',
  '(?<!',
  '(?i)',
];
const TIMES = ['?', '*', '+', '{2}', '{2,}', '{0,9}', '{1,99}', '+?', '++', '\\', '[', ']', '{', '\\1', '&&', '-'];
const regex = fc
  .array(fc.oneof(fc.constantFrom(...REGEX), fc.constantFrom(...TIMES), piece), { maxLength: 8 })
  .map((parts) => parts.join(''));
const pattern = fc.oneof(
  regex.map((Regex) => ({ Regex })),
  piece.map((String) => ({ String })),
);
const content = fc.oneof(
  piece,
  fc.tuple(piece, fc.constantFrom(2, 9, 70)).map(([part, times]) => part.repeat(times)),
);
const type = (...types: string[]) => fc.record({ type: fc.constantFrom(...types) });
const flag = fc.boolean();
const replace = fc.record({ type: fc.constant('Replace'), pattern, content });

/** A stage with sequences in sequences, some of them very deep; and what is no stage at all. */
function stage(list: string, step: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      step,
      fc.record({ type: fc.constant('Sequence'), [list]: fc.array(tie('tree'), { maxLength: 5 }) }),
    ),
  }));
  const deep = fc.tuple(fc.constantFrom(3, 9, 20_000), step).map(([depth, inner]) => {
    let json = inner;
    for (let i = 0; i < depth; i++) json = { type: 'Sequence', [list]: [json] };
    return json;
  });
  return fc.oneof(
    { weight: 12, arbitrary: tree },
    { weight: 1, arbitrary: deep },
    { weight: 3, arbitrary: fc.constant(null) },
    fc.jsonValue(),
  );
}

const metaspace = fc.record({
  type: fc.constant('Metaspace'),
  replacement: fc.oneof(fc.constant('▁'), piece),
  prepend_scheme: fc.constantFrom('always', 'first', 'never'),
  split: flag,
});
const normalizer = stage(
  'normalizers',
  fc.oneof(
    replace,
    type('NFC', 'NFD', 'NFKC', 'NFKD', 'StripAccents', 'Lowercase', 'Nmt', 'Precompiled', 'Other'),
    fc.record({ type: fc.constant('Prepend'), prepend: content }),
    fc.record({ type: fc.constant('Strip'), strip_left: flag, strip_right: flag }),
    fc.record({
      type: fc.constant('BertNormalizer'),
      clean_text: flag,
      handle_chinese_chars: flag,
      strip_accents: fc.option(flag),
      lowercase: flag,
    }),
  ),
);
const pre_tokenizer = stage(
  'pretokenizers',
  fc.oneof(
    metaspace,
    type('BertPreTokenizer', 'Whitespace', 'WhitespaceSplit', 'Punctuation'),
    fc.record({ type: fc.constant('ByteLevel'), add_prefix_space: flag, use_regex: flag }),
  ),
);
const decoder = stage(
  'decoders',
  fc.oneof(
    replace,
    metaspace,
    type('ByteLevel', 'Fuse'),
    fc.record({ type: fc.constant('WordPiece'), prefix: piece, cleanup: flag }),
    fc.record({ type: fc.constant('Strip'), content: piece, start: fc.nat(9), stop: fc.nat(9) }),
  ),
);
const post_processor = stage(
  'processors',
  fc.oneof(
    fc.record({
      type: fc.constant('RobertaProcessing'),
      cls: fc.constant(['a', 2]),
      sep: fc.constant(['b', 3]),
      trim_offsets: flag,
      add_prefix_space: flag,
    }),
    fc.record({ type: fc.constant('ByteLevel'), trim_offsets: flag, add_prefix_space: flag }),
    fc.record({ type: fc.constant('BertProcessing'), cls: fc.constant(['a', 2]), sep: fc.constant(['b', 3]) }),
  ),
);
const added_tokens = fc.array(
  fc.record({
    content: fc.oneof(content, fc.constant('[MASK]')),
    single_word: flag,
    lstrip: flag,
    rstrip: flag,
    normalized: flag,
  }),
  { maxLength: 4 },
);
const tokenizerJson = fc.record({
  base: fc.constantFrom(albertJson, bertJson, robertaJson),
  given: fc.record({ normalizer, pre_tokenizer, decoder, post_processor }, { requiredKeys: [] }),
  added_tokens,
});

const FILES = [albertJson(), bertJson(), robertaJson()].map((json) => packTokenizer(json));

describe('a fuzzer', () => {
  it('finds no tokenizer.json that is neither refused by name nor served', FUZZ_TIMEOUT, () => {
    const runs = fuzz(fc.tuple(tokenizerJson, text), ([{ base, given, added_tokens: added }, sent]) => {
      const json = { ...base(), ...given };
      json.added_tokens = [addedToken('[MASK]', 4), ...added.map((one, i) => addedToken(one.content, 5 + i, one))];
      const packed = named(() => packTokenizer(json));
      if (packed) encode(packed, sent);
    });
    expect(runs).toBeGreaterThan(0);
  });

  it('finds no tokenizer.bin that is neither refused by name nor served', FUZZ_TIMEOUT, () => {
    const change = fc.record({ at: fc.nat(2 ** 20), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff)) });
    const changes = fc.array(change, { minLength: 1, maxLength: 6 });
    const runs = fuzz(fc.tuple(fc.constantFrom(...FILES), changes, fc.nat(40), text), ([file, all, cut, sent]) => {
      const bytes = file.slice(0, cut === 40 ? file.length - 1 : file.length);
      // The header is small, so it gets more changes than its share.
      for (const [i, { at, value }] of all.entries()) bytes[at % (i === 0 ? 96 : bytes.length)] = value;
      encode(bytes, sent);
      const tables = file.slice();
      for (const { at, value } of all) tables[96 + (at % (tables.length - 96))] = value;
      encode(tables, sent);
    });
    expect(runs).toBeGreaterThan(0);
  });

  it('finds no pattern that is read and takes more than linear time', FUZZ_TIMEOUT, () => {
    const runs = fuzz(fc.tuple(regex, piece, piece), ([source, part, end]) => {
      let read: RegExp;
      try {
        read = readPattern({ Regex: source }).regex;
      } catch (error) {
        if (error instanceof Error && error.message.startsWith(`the pattern ${JSON.stringify(source)} is not`)) return;
        throw error;
      }
      for (const character of 'ab ') {
        `${character.repeat(50_000)}${end}`.replace(read, '');
        `${(part + character).repeat(10_000)}${end}`.replace(read, '');
      }
    });
    expect(runs).toBeGreaterThan(0);
  });
});
