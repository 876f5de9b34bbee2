/** `tokenizer.bin`: what is packed, what is refused, and what a damaged file can do. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { packTokenizer } from '../../../models/tokenizer/pack.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import type { SpecialTokens } from '../../../src/tokenizer/tokenizer.ts';
import { type Field, FIELDS, readTokenizerFile } from '../../../src/tokenizer/vocabulary/format.ts';
import { createVocabulary, NONE } from '../../../src/tokenizer/vocabulary/vocabulary.ts';
import { albertJson, bertJson, type Json, robertaJson } from './small-tokenizers.ts';

const charsmap = { type: 'Precompiled', precompiled_charsmap: btoa('\x04\0\0\0\0\0\0\0x\0') };
const precompiled = () => ({ ...albertJson(), normalizer: charsmap });
const FILES = [bertJson(), robertaJson(), albertJson(), precompiled()].map((json, i) => ({
  name: `${json.model['type'] as string} ${i}`,
  bytes: packTokenizer(json),
  special: specialOf(json.added_tokens),
}));
const WORDPIECE = FILES[0]?.bytes ?? new Uint8Array();

function specialOf(added: readonly { id: number; content: string }[]): SpecialTokens {
  const find = (pattern: RegExp) => {
    const { id = -1, content = '' } = added.find((one) => pattern.test(one.content)) ?? {};
    return { id, token: content };
  };
  return { mask: find(/mask/i), unk: find(/unk/i) };
}
const NO_SPECIAL = { mask: { id: 0, token: '?' }, unk: { id: 0, token: '?' } };
const load = (bytes: Uint8Array) => createTokenizer(bytes, NO_SPECIAL);
const idsOf = (bytes: Uint8Array) => load(bytes).encodePair('walking', '').input_ids;
const vocabularyOf = (model: Json) => createVocabulary(readTokenizerFile(packTokenizer({ model })).pieces);
const wordPiece = (vocab: unknown) => ({ ...bertJson().model, unk_token: 'a', vocab });
const unigram = (vocab: unknown) => ({ type: 'Unigram', unk_id: 0, vocab });

describe('a vocabulary', () => {
  it('finds every piece and its id, and nothing else', () => {
    const pieces = ['a', 'ab', 'abc', '##a', 'é', '漢字', '😀', '😀a', '\0', '__proto__', '7'];
    const vocabulary = vocabularyOf(wordPiece(Object.fromEntries(pieces.map((piece, i) => [piece, 3 * i]))));
    for (const [i, piece] of pieces.entries()) {
      expect(vocabulary.idOf(piece)).toBe(3 * i);
      expect(vocabulary.pieceOf(3 * i)).toBe(piece);
      expect(vocabulary.pieceOf(3 * i + 1)).toBeUndefined();
    }
    for (const text of ['', 'b', 'abcd', '##', '漢', '\ud83d', '\ude00', 'A', '\u{10ffff}', 'constructor']) {
      expect(vocabulary.idOf(text), text).toBe(NONE);
    }
    expect(vocabulary.child(NONE, 97)).toBe(NONE);
    expect([-1, 3 * pieces.length, NaN].map((id) => vocabulary.pieceOf(id))).toEqual([undefined, undefined, undefined]);
  });

  it('has an empty piece, which no text has, and of equal pieces the last', () => {
    const vocabulary = vocabularyOf(unigram(['a', '', 'b', 'a'].map((piece) => [piece, -1])));
    expect([0, 1, 2, 3].map((id) => vocabulary.pieceOf(id))).toEqual(['a', '', 'b', 'a']);
    expect(['a', '', 'b'].map((piece) => vocabulary.idOf(piece))).toEqual([3, NONE, 2]);
  });

  it.each<[string, unknown]>([
    ['model is not an object', null],
    ['model.vocab is not an object', wordPiece([])],
    ['model.vocab is not an object', wordPiece(undefined)],
    ['model.vocab: the id of b is 1.5, not an integer from 0 to 16777215', wordPiece({ a: 0, b: 1.5 })],
    ['model.vocab: the id of b is -1, not', wordPiece({ a: 0, b: -1 })],
    ['model.vocab: the id of b is "1", not', wordPiece({ a: 0, b: '1' })],
    ['model.vocab: the id of b is 16777216, not', wordPiece({ a: 0, b: 2 ** 24 })],
    ['model.vocab: "\\ud83d" is not a text, or has half a character', wordPiece({ a: 0, '\ud83d': 1 })],
    ['model.vocab is not an array', { type: 'Unigram', unk_id: 0, vocab: {} }],
    ['model.vocab: piece 1 is ["b"], not a text and its score', unigram([['a', -1], ['b']])],
    ['model.vocab: 7 is not a text', unigram([[7, -1]])],
    ['model.vocab: piece 0 is {"a":0}, not a text and its score', unigram([{ a: 0 }])],
  ])('is refused with %s', (message, model) => {
    expect(() => packTokenizer({ model })).toThrow(`tokenizer.json: ${message}`);
  });
});

describe('a file', () => {
  /** The file with one word of its header changed. */
  function withField(field: Field, value: number): Uint8Array {
    const changed = WORDPIECE.slice();
    new DataView(changed.buffer).setUint32(4 * FIELDS.indexOf(field), value, true);
    return changed;
  }

  it.each<[Field, number, string]>([
    ['magic', 0, 'tokenizer.bin: magic is of another kind of file: convert the model again'],
    ['version', 7, 'version is 7; this build reads version 2'],
    ['bytes', 8, `bytes is 8; the file has ${WORDPIECE.length}`],
    ['json_bytes', 2 ** 31, 'piece_offsets_at is'],
    ['pieces', 400, 'pieces_at is'],
    ['pieces', 2 ** 32 - 1, 'pieces_at is'],
    ['units', 2 ** 31, 'scores_at is'],
    ['scores', 5, 'scores is 5; there are 25 pieces'],
    ['merges', 3, 'merge_rights_at is'],
    ['charsmap_bytes', 2 ** 32 - 1, 'bytes is'],
    ['units_at', 0, 'units_at is 0; by the counts it is'],
    ['charsmap_at', 4, 'charsmap_at is 4; by the counts it is'],
  ])('whose %s is %i is refused', (field, value, message) => {
    expect(() => load(withField(field, value))).toThrow(message);
  });

  it('that is truncated anywhere or too long is refused', () => {
    const random = seeded(2);
    const lengths = [0, 1, 4 * FIELDS.length - 1, 4 * FIELDS.length, WORDPIECE.length - 1];
    lengths.push(...Array.from({ length: 100 }, () => random(WORDPIECE.length)));
    for (const length of lengths) {
      expect(() => load(WORDPIECE.slice(0, length))).toThrow(/^tokenizer\.bin: .* convert the model again$/);
    }
    const longer = new Uint8Array(WORDPIECE.length + 8);
    longer.set(WORDPIECE);
    expect(() => load(longer)).toThrow(/bytes is/);
  });

  it('whose JSON is not an object is refused', () => {
    const at = readHeader(WORDPIECE, 'json_at');
    for (const text of ['[', '\xff', '7', 'null']) {
      const changed = WORDPIECE.slice();
      changed.fill(0x20, at, at + readHeader(WORDPIECE, 'json_bytes'));
      changed.set(
        Array.from(text, (character) => character.charCodeAt(0)),
        at,
      );
      expect(() => load(changed)).toThrow('tokenizer.bin: json is not a JSON object');
    }
  });

  it('may begin anywhere in its buffer', () => {
    const shifted = new Uint8Array(WORDPIECE.length + 3);
    shifted.set(WORDPIECE, 3);
    expect(idsOf(shifted.subarray(3))).toEqual(idsOf(WORDPIECE));
  });

  it('of a unigram model without scores is refused', () => {
    const file = readTokenizerFile(packTokenizer({ model: { ...bertJson().model } }));
    expect(file.scores).toHaveLength(0);
    const bytes = FILES[2]?.bytes.slice() ?? new Uint8Array();
    const at = readHeader(bytes, 'scores_at');
    new Float64Array(bytes.buffer, at, 11).fill(NaN);
    expect(() => load(bytes).encodePair('love', '')).toThrow('scores have a value that is not a finite number');
  });

  it('whose trie leads back to its root does not loop for ever', () => {
    for (const { bytes, special } of FILES) {
      const changed = bytes.slice();
      const units = new Uint32Array(changed.buffer, readHeader(bytes, 'units_at'), readHeader(bytes, 'units'));
      const root = (units[0] ?? 0) >>> 8;
      units[root + 97] = ((root << 8) | 97) >>> 0;
      expect(createTokenizer(changed, special).encodePair('a'.repeat(3000), '').input_ids.length).toBeGreaterThan(2);
    }
  });
});

function readHeader(bytes: Uint8Array, field: Field): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * FIELDS.indexOf(field), true);
}

const TEXTS = ['love walking [MASK] É able', '☃ aaab <mask> lo', 'a\u200bb\0 \u2581love漢'];

/** Uses a file in every way. A fault in it must give a clear error, or nothing worse than other pieces. */
function outcomeOf(bytes: Uint8Array, special: SpecialTokens, pieces: number): 'refused' | 'read' {
  try {
    const tokenizer = createTokenizer(bytes, special);
    const found = TEXTS.flatMap((text) => [...tokenizer.encode(findMasks(text, special.mask.token)).input_ids]);
    for (const id of [...found, ...tokenizer.encodeTarget('abc', 'x')]) {
      if (!Number.isInteger(id) || id < 0 || id >= pieces) throw new Error(`found the id ${id}`);
    }
    for (let id = 0; id < pieces; id++) tokenizer.continuesWord(id);
    tokenizer.decode(Array.from({ length: pieces }, (_, id) => id));
    tokenizer.encodePair(TEXTS[0] ?? '', TEXTS[1] ?? '');
    return 'read';
  } catch (error) {
    const clear = /^(tokenizer\.bin: .* convert the model again|tokenizer\.json: .*)$/s;
    if (!clear.test((error as Error).message)) throw error;
    return 'refused';
  }
}

describe.each(FILES)('a file of $name', (file) => {
  const pieces = readHeader(file.bytes, 'pieces');

  it('with random changes in its header is refused or read', () => {
    const random = seeded(3);
    let refused = 0;
    for (let round = 0; round < 500; round++) {
      const changed = file.bytes.slice();
      const at = random(4 * FIELDS.length);
      for (let i = 0; i <= random(3); i++) changed[at] = (changed[at] ?? 0) ^ (1 << random(8));
      refused += outcomeOf(changed, file.special, pieces) === 'refused' ? 1 : 0;
    }
    expect(refused).toBeGreaterThan(300);
  });

  it('with random changes in its tables gives ids of the vocabulary or a clear error', () => {
    const random = seeded(4);
    const starts = FIELDS.filter((name) => name.endsWith('_at') && name !== 'json_at').map((name) =>
      readHeader(file.bytes, name),
    );
    const sections = starts
      .map((start, i) => ({ start, length: (starts[i + 1] ?? file.bytes.length) - start }))
      .filter(({ length }) => length > 0);
    const tally = { refused: 0, read: 0 };
    for (let round = 0; round < 500; round++) {
      const changed = file.bytes.slice();
      const { start, length } = sections[random(sections.length)] ?? { start: 0, length: 1 };
      // From one byte to the whole section.
      const count = Math.ceil(length / 2 ** random(20));
      for (let i = 0; i < count; i++) changed[start + random(length)] = random(256);
      tally[outcomeOf(changed, file.special, pieces)]++;
    }
    expect(tally.refused).toBeGreaterThan(30);
    expect(tally.read).toBeGreaterThan(30);
  });
});
