/** The packed unigram tokenizer with a few pieces: what is packed, what is refused, and how much work a text takes. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { packUnigram } from '../../../models/tokenizer/unigram.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { normalize } from '../../../src/tokenizer/packed-unigram/normalize.ts';
import { segment } from '../../../src/tokenizer/packed-unigram/segment.ts';
import { BLOCK, type Field, FIELDS, readUnigram } from '../../../src/tokenizer/packed-unigram/format.ts';
import { createUnigramTokenizer } from '../../../src/tokenizer/packed-unigram/create-tokenizer.ts';

type Json = Record<string, unknown>;
interface TokenizerJson extends Json {
  added_tokens: Json[];
  normalizer: { normalizers: Json[] };
  pre_tokenizer: Json;
  post_processor: Json;
  decoder: Json;
  model: { vocab: unknown[] } & Json;
}

const SPECIAL = ['<pad>', '<unk>', '[CLS]', '[SEP]', '[MASK]'];
const PIECES: [string, number][] = [
  ...SPECIAL.map((content): [string, number] => [content, 0]),
  ['\u2581', -4],
  ['\u2581a', -2],
  ['a', -3],
  ['b', -3],
  ['ab', -5.5],
  ['ba', -6],
  ['c', -3],
  ['bc', -6.5],
  ['abc', -20],
  ['\u0000', -7],
  ['"', -2],
];
const ID = new Map(PIECES.map(([piece], id) => [piece, id]));

const metaspace = () => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: true });
const token = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
const replace = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content });

function tokenizerJson(change: (json: TokenizerJson) => void = () => {}): string {
  const json: TokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: content === '[MASK]',
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        replace('[\u00ad\u200b\u200c\u200d\u2060\ufeff]', ''),
        replace("``|''|[\u201c\u201d\u201e]", '"'),
        replace('[\u2018\u2019]', "'"),
        { type: 'NFKD' },
        { type: 'StripAccents' },
        { type: 'Lowercase' },
        replace('[\t\n\v\f\r \u0085\u1680\u2028\u2029]+', ' '),
        { type: 'Strip', strip_left: false, strip_right: true },
      ],
    } as TokenizerJson['normalizer'],
    pre_tokenizer: metaspace(),
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0)],
      pair: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0), sequence('B', 1), token('[SEP]', 1)],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: metaspace(),
    model: { type: 'Unigram', unk_id: 1, vocab: structuredClone(PIECES), byte_fallback: false },
  };
  change(json);
  return JSON.stringify(json);
}

function packed(json = tokenizerJson()): Uint8Array<ArrayBuffer> {
  const bytes = packUnigram(json);
  if (!bytes) throw new Error('not of the form');
  return bytes;
}

const BYTES = packed();
const idsOf = (text: string, by = createUnigramTokenizer(BYTES)) => [...by.encode(findMasks(text)).input_ids];
const ids = (...pieces: string[]) => ['[CLS]', ...pieces, '[SEP]'].map((piece) => ID.get(piece));

describe('packing', () => {
  it('is deterministic, and begins every section at a multiple of eight', () => {
    expect(packed()).toEqual(BYTES);
    const { header } = readUnigram(BYTES);
    for (const field of FIELDS.filter((name) => name.endsWith('_at'))) expect(header[field] % 8, field).toBe(0);
    expect(header).toMatchObject({ bytes: BYTES.length, pieces: PIECES.length, longest: 6, mask_id: 4 });
    expect(PIECES[header.rarest_id]).toEqual(['abc', -20]);
  });

  it.each<[string, (json: TokenizerJson) => void]>([
    ['another model', ({ model }) => (model['type'] = 'BPE')],
    ['byte fallback', ({ model }) => (model['byte_fallback'] = true)],
    ['sampling', ({ model }) => (model['alpha'] = 0.1)],
    ['one normalizer less', ({ normalizer }) => normalizer.normalizers.pop()],
    [
      'normalizers in another order',
      ({ normalizer }) => normalizer.normalizers.push(...normalizer.normalizers.splice(0, 1)),
    ],
    ['a space before every word', ({ pre_tokenizer }) => (pre_tokenizer['prepend_scheme'] = 'always')],
    ['another sign for a space', ({ decoder }) => (decoder['replacement'] = '_')],
    ['other special tokens around a text', ({ post_processor }) => (post_processor['single'] = [])],
    ['padding', (json) => (json['padding'] = { strategy: 'BatchLongest' })],
    ['an unknown field', (json) => (json['extra'] = {})],
    ['one added token more', ({ added_tokens }) => added_tokens.push({ ...added_tokens[0], id: 5, content: 'a' })],
    ['one added token less', ({ added_tokens }) => added_tokens.pop()],
    [
      'a mask that does not include the space before it',
      ({ added_tokens }) => (added_tokens[4] = { ...added_tokens[4], lstrip: false }),
    ],
    ['positive scores', ({ model }) => model.vocab.push(['d', 1])],
    ['a piece that contains <unk>', ({ model }) => model.vocab.push(['<unk>a', -1])],
    ['no model', (json) => delete (json as Json)['model']],
  ])('leaves %s to the general tokenizer', (_, change) => {
    expect(packUnigram(tokenizerJson(change))).toBeUndefined();
  });

  it.each<[RegExp, (json: TokenizerJson) => void]>([
    [/pieces 7 and 16 are both "a"/, ({ model }) => model.vocab.push(['a', -1])],
    [
      /piece 16, "d", has the score -0\.1, which float32 cannot represent/,
      ({ model }) => model.vocab.push(['d', -0.1]),
    ],
    [/piece 16, "", is empty/, ({ model }) => model.vocab.push(['', -1])],
    [/piece 16, .* has half a character/, ({ model }) => model.vocab.push(['\ud800', -1])],
    [/piece 16 is \["d"\], not a text and its score/, ({ model }) => model.vocab.push(['d'])],
    [
      /added_tokens has \[MASK\] as 5, model\.vocab as 4/,
      ({ added_tokens }) => (added_tokens[4] = { ...added_tokens[4], id: 5 }),
    ],
    [/model\.unk_id is 7, <unk> is 1/, ({ model }) => (model['unk_id'] = 7)],
  ])('fails with %s', (message, change) => {
    expect(() => packUnigram(tokenizerJson(change))).toThrow(message);
  });
});

describe('a text', () => {
  it.each<[string, string[]]>([
    // The most likely pieces, the first of equally likely ones.
    ['abc', ['\u2581a', 'b', 'c']],
    ['[MASK]abc', ['[MASK]', 'ab', 'c']],
    ['ba ba', ['\u2581', 'ba', '\u2581', 'ba']],
    ['a\u0000b', ['\u2581a', '\u0000', 'b']],
    // One <unk> for adjacent unknown characters of a word.
    ['x☃a☃ ☃☃b', ['\u2581', '<unk>', 'a', '<unk>', '\u2581', '<unk>', 'b']],
    // A mask includes the spaces before it.
    ['a \t[MASK] a[SEP]a [SEP]', ['\u2581a', '[MASK]', '\u2581a', '[SEP]', 'a', '[SEP]']],
    ['', []],
    // A space goes before the first character of the text, unless that was removed.
    ['a', ['\u2581a']],
    ['\u200ba', ['a']],
    ['\u0301a', ['a']],
    ['\u201ca', ['\u2581', '"', 'a']],
    ["''a", ['"', 'a']],
  ])('%j has the pieces %j', (text, pieces) => {
    expect(idsOf(text)).toEqual(ids(...pieces));
  });

  it('and another one become two segments, each with a space before it', () => {
    const tokenizer = createUnigramTokenizer(BYTES);
    const { input_ids, token_type_ids, masked_positions, offsets } = tokenizer.encodePair('a[MASK]', '\u0301b [SEP]a');
    expect([...input_ids]).toEqual([...ids('\u2581a', '[MASK]'), ...ids('b', '[SEP]', 'a').slice(1)]);
    expect(token_type_ids.join('')).toBe('00001111');
    expect(masked_positions).toHaveLength(0);
    expect(Array.from(offsets).join()).toBe('0,0,0,1,1,7,0,0,1,2,3,8,8,9,0,0');
    expect([...tokenizer.encodePair('', '').token_type_ids]).toEqual([0, 0, 1]);
  });

  it('is decoded from pieces with the spaces between words', () => {
    const tokenizer = createUnigramTokenizer(BYTES);
    const found = ids('\u2581a', 'b', '\u2581', 'ba').slice(1, -1) as number[];
    for (const textOf of [(some: number[]) => tokenizer.decode(some), (some: number[]) => tokenizer.fill(some)]) {
      expect(textOf(found)).toBe('ab ba');
      expect(textOf(found.slice(1))).toBe('b ba');
      expect(textOf([])).toBe('');
    }
  });

  it('has the same pieces if the file begins anywhere in its buffer', () => {
    const shifted = new Uint8Array(BYTES.length + 3);
    shifted.set(BYTES, 3);
    expect(idsOf('abc', createUnigramTokenizer(shifted.subarray(3)))).toEqual(idsOf('abc'));
  });
});

/** Counts the reads of the trie and of the blocks for a text. */
function reads(text: string) {
  const { vocabulary, characters } = readUnigram(BYTES);
  const count = { units: 0, blocks: 0 };
  const counting = <T extends Uint16Array | Uint32Array>(array: T, name: keyof typeof count) =>
    new Proxy(array, {
      get(target, key) {
        count[name]++;
        return Reflect.get(target, key) as unknown;
      },
    });
  const blocks = counting(characters.blocks, 'blocks');
  const { bytes } = normalize(text, 0, text.length, { ...characters, blocks });
  segment({ ...vocabulary, units: counting(vocabulary.units, 'units') }, bytes);
  return { ...count, bytes: bytes.length };
}

describe('the work', () => {
  it.each(['☃', '\u2581', '\u0301', '\u0301\u0323', ' ', 'a', 'ab', 'abc', "'", '[MAS', '\ufdfa', 'a '])(
    'for a run of %j is at most proportional to its length',
    (unit) => {
      const [once, twice] = [reads(unit.repeat(2000)), reads(unit.repeat(4000))];
      const { longest } = readUnigram(BYTES).vocabulary;
      expect(once.blocks).toBeLessThanOrEqual(2000 * unit.length);
      expect(once.units).toBeLessThanOrEqual(2 * longest * once.bytes + 1);
      // A constant part is the same for every text.
      expect(twice.blocks).toBeLessThanOrEqual(2 * once.blocks + 100);
      expect(twice.units).toBeLessThanOrEqual(2 * once.units + 100);
    },
  );
});

describe('a file', () => {
  /** The file with one word of its header changed. */
  function withField(field: Field, value: number): Uint8Array {
    const changed = BYTES.slice();
    new DataView(changed.buffer).setUint32(4 * FIELDS.indexOf(field), value, true);
    return changed;
  }

  it.each<[Field, number, string]>([
    ['magic', 0, 'tokenizer.bin: magic is of another kind of file: build the model again'],
    ['byte_order', 0x04030201, 'byte_order is not that of this machine'],
    ['version', 7, 'tokenizer.bin: version is 7; this build reads version 1: build the model again'],
    ['bytes', 8, `bytes is 8; the file has ${BYTES.length}`],
    ['pieces', 17, 'piece_offsets_at is'],
    ['pieces', 0, 'pad_id is 0 of 0 pieces'],
    ['pieces', 2 ** 32 - 1, 'piece_offsets_at is'],
    ['units', 2 ** 31, 'scores_at is'],
    ['blocks', 2 ** 25, 'image_offsets_at is'],
    ['image_bytes', 2 ** 32 - 1, 'bytes is'],
    ['mask_id', 16, 'mask_id is 16 of 16 pieces'],
    ['rarest_id', 99, 'rarest_id is 99 of 16 pieces'],
    ['longest', 2 ** 20, 'longest is 1048576; all pieces have'],
    ['units_at', 0, 'units_at is 0; by the counts it is'],
    ['images_at', 4, 'images_at is 4; by the counts it is'],
  ])('whose %s is %i is refused', (field, value, message) => {
    expect(() => createUnigramTokenizer(withField(field, value))).toThrow(message);
  });

  it('in the other byte order is refused by that name', () => {
    const swapped = BYTES.slice();
    for (let at = 0; at < 4 * FIELDS.length; at += 4) swapped.subarray(at, at + 4).reverse();
    expect(() => createUnigramTokenizer(swapped)).toThrow('byte_order is not that of this machine');
  });

  it('that is truncated anywhere or too long is refused', () => {
    const random = seeded(2);
    const lengths = [0, 1, 4 * FIELDS.length - 1, 4 * FIELDS.length, BYTES.length - 1];
    lengths.push(...Array.from({ length: 200 }, () => random(BYTES.length)));
    for (const length of lengths) {
      expect(() => createUnigramTokenizer(BYTES.slice(0, length))).toThrow(
        /^tokenizer\.bin: .* build the model again$/,
      );
    }
    const longer = new Uint8Array(BYTES.length + 8);
    longer.set(BYTES);
    expect(() => createUnigramTokenizer(longer)).toThrow(/bytes is/);
  });

  const TEXTS = ['abc ba [MASK] \u201cÀb\u201d', '☃각\ufdfaab', 'a[SEP]\u200bb\u0000'];
  const CLEAR = /^(tokenizer\.bin: .* build the model again|the tokenizer sees \d+ masks where the text has \d+)$/;

  /** Uses a file in every way. A fault in it must give a clear error, or nothing worse than other pieces. */
  function outcomeOf(bytes: Uint8Array): 'refused' | 'read' {
    try {
      const tokenizer = createUnigramTokenizer(bytes);
      const found = TEXTS.flatMap((text) => idsOf(text, tokenizer));
      for (const id of [...found, ...tokenizer.encodeTarget('abc', 'x'), tokenizer.unk_id]) {
        if (!Number.isInteger(id) || id < 0 || id >= PIECES.length) throw new Error(`found the id ${id}`);
      }
      for (const id of PIECES.keys()) tokenizer.continuesWord(id);
      tokenizer.decode([...PIECES.keys()]);
      tokenizer.encodePair(TEXTS[0] ?? '', TEXTS[1] ?? '');
      return 'read';
    } catch (error) {
      if (!CLEAR.test((error as Error).message)) throw error;
      return 'refused';
    }
  }

  it('with random changes in its header is refused or read', () => {
    const random = seeded(3);
    const outcomes = Array.from({ length: 3000 }, () => {
      const changed = BYTES.slice();
      const at = random(4 * FIELDS.length);
      const flips = 1 + random(3);
      for (let i = 0; i < flips; i++) changed[at] = (changed[at] ?? 0) ^ (1 << random(8));
      return outcomeOf(changed);
    });
    expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(2000);
  });

  it('with random changes in its sections gives ids of the vocabulary or a clear error', () => {
    const random = seeded(4);
    const { header } = readUnigram(BYTES);
    const starts = FIELDS.filter((name) => name.endsWith('_at')).map((name) => header[name]);
    const sections = starts.map((start, i) => ({ start, length: (starts[i + 1] ?? header.bytes) - start }));
    const tally = { refused: 0, read: 0 };
    for (let round = 0; round < 3000; round++) {
      const changed = BYTES.slice();
      const { start, length } = sections[random(sections.length)] ?? { start: 0, length: 1 };
      // From one byte to the whole section.
      const count = Math.ceil(length / 2 ** random(20));
      for (let i = 0; i < count; i++) changed[start + random(length)] = random(256);
      tally[outcomeOf(changed)]++;
    }
    expect(tally.refused).toBeGreaterThan(300);
    expect(tally.read).toBeGreaterThan(300);
  });

  it('whose trie leads back to its root does not loop for ever', () => {
    const changed = BYTES.slice();
    const { header } = readUnigram(BYTES);
    const units = new Uint32Array(changed.buffer, header.units_at, header.units);
    const root = (units[0] ?? 0) >>> 8;
    const a = root + 'a'.charCodeAt(0);
    units[a] = ((root << 8) | 'a'.charCodeAt(0)) >>> 0;
    expect(idsOf('a'.repeat(5000), createUnigramTokenizer(changed))).toEqual(ids('\u2581a', '<unk>'));
  });

  it('has an index entry for every block of code points', () => {
    const { characters } = readUnigram(BYTES);
    expect(Math.max(...characters.index)).toBe(characters.blocks.length / BLOCK - 1);
    expect(Math.max(...characters.blocks)).toBe(characters.image_offsets.length - 1);
  });
});
