/** The models of a tokenizer: a word in, pieces out. */
import { describe, expect, it } from 'vitest';

import { packTokenizer } from '../../../models/tokenizer/pack.ts';
import { createModel } from '../../../src/tokenizer/models/create-model.ts';
import { readTokenizerFile } from '../../../src/tokenizer/vocabulary/format.ts';
import { albertJson, bertJson, type Json, MERGES, robertaJson } from './small-tokenizers.ts';

const MODELS = { WordPiece: bertJson().model, BPE: robertaJson().model, Unigram: albertJson().model };

const fileOf = (model: Json) => readTokenizerFile(packTokenizer({ model }));

/** The pieces of a word; one that is not spelled as its part of the word is followed by `=` and that part. */
function piecesOf(json: Json, word: string, isRest = false): string {
  const model = createModel(fileOf(json));
  const pieces: string[] = [];
  model.tokenize(word, isRest, (id, from, to) => {
    const piece = model.pieceOf(id) ?? '?';
    pieces.push(model.unmark(piece) === word.slice(from, to) ? piece : `${piece}=${word.slice(from, to)}`);
  });
  return pieces.join(' ');
}

/** A model with a piece of this length. */
const withPiece = (type: 'WordPiece' | 'BPE' | 'Unigram', length: number): Json => {
  const piece = 'x'.repeat(length);
  const { vocab } = MODELS[type];
  return {
    ...MODELS[type],
    vocab: Array.isArray(vocab) ? [...(vocab as unknown[]), [piece, -1]] : { ...(vocab as object), [piece]: 1000 },
  };
};

const FUSED = { unk_token: '<unk>', vocab: { '<unk>': 0, a: 1, aa: 2, '\u2581a': 3 }, merges: ['a a'] };

describe('a model', () => {
  it.each<[string, Json, string, string, boolean?]>([
    ['the longest pieces', MODELS.WordPiece, 'walking', 'walk ##ing'],
    ['pieces of the rest of a word', MODELS.WordPiece, 'ing', '##ing', true],
    ['the longest piece that is read', withPiece('Unigram', 256), 'x'.repeat(256), 'x'.repeat(256)],
    ['pieces beside any length, which merges never look for', withPiece('BPE', 257), 'love', 'love'],
    ['one unknown token where a part is unknown', MODELS.WordPiece, 'walkx', '[UNK]=walkx'],
    ['no more characters than its limit', { ...MODELS.WordPiece, max_input_chars_per_word: 3 }, 'eee', 'e ##e ##e'],
    ['one character too many', { ...MODELS.WordPiece, max_input_chars_per_word: 3 }, 'eeee', '[UNK]=eeee'],
    ['two code units as one character', { ...MODELS.WordPiece, max_input_chars_per_word: 1 }, '漢', '漢'],
    ['merges in the order of training', MODELS.BPE, 'love', 'love'],
    ['what no merge joins', MODELS.BPE, 'lov', 'lo v'],
    ['merges from left to right', MODELS.BPE, 'aaaaaaa', 'aaaa aa a'],
    ['merges as pairs', { ...MODELS.BPE, merges: MERGES.map((pair) => pair.split(' ')) }, 'love', 'love'],
    // As in `tokenizers`, the offsets after one that is dropped are too small.
    ['nothing for unknown characters', { ...FUSED, unk_token: null }, 'a☃a', 'aa=a☃'],
    ['a token for each unknown character', FUSED, '☃☃a', '<unk>=☃ <unk>=☃ a'],
    ['one token for adjacent ones', { ...FUSED, fuse_unk: true }, '☃☃a☃', '<unk>=☃☃ a <unk>=☃'],
    ['a whole word of the vocabulary', { ...FUSED, ignore_merges: true }, '\u2581a', '\u2581a'],
    ['which merges do not make', FUSED, '\u2581a', '<unk>=\u2581 a'],
    ['the most likely pieces', MODELS.Unigram, '\u2581lovelove', '\u2581love love'],
    ['one token for unknown characters side by side', MODELS.Unigram, '☃😀a', '<unk>=☃😀 a'],
    [
      'the first of equal paths',
      {
        unk_id: 0,
        vocab: [
          ['?', 0],
          ['a', -1],
          ['b', -1],
          ['ab', -2],
        ],
      },
      'ab',
      'ab',
    ],
    [
      'a piece whose characters are unknown',
      {
        unk_id: 0,
        vocab: [
          ['?', 0],
          ['☃☃', -99],
        ],
      },
      '☃☃',
      '☃☃',
    ],
  ])('gives %s', (_, json, word, pieces, isRest) => {
    expect(piecesOf(json, word, isRest)).toBe(pieces);
  });

  it.each<[keyof typeof MODELS, string, string, boolean]>([
    ['WordPiece', '##s', 's', true],
    ['WordPiece', '##!', '!', true],
    ['WordPiece', 's', 's', false],
    ['BPE', 'love', 'love', true],
    ['BPE', 'Ã', '\ufffd', true],
    ['BPE', 'Ġlove', ' love', false],
    ['BPE', '!', '!', false],
    ['BPE', '\u2581a', ' a', false],
    ['Unigram', 'love', 'love', true],
    ['Unigram', '1', '1', true],
    ['Unigram', '\u0301', '\u0301', true],
    ['Unigram', '\u2581love', 'love', false],
    ['Unigram', '(', '(', false],
    ['Unigram', '\ufffd', '\ufffd', false],
  ])('of type %s says whether %s, decoded to %j, continues a word: %s', (type, piece, decoded, expected) => {
    expect(createModel(fileOf(MODELS[type])).continues(piece, decoded)).toBe(expected);
  });

  it.each<[Json, string | RegExp]>([
    [{ type: 'WordLevel', vocab: {} }, /model\.type is not supported: .*"Unigram".* received "WordLevel"/],
    [{ ...MODELS.WordPiece, unk_token: '?' }, 'model.vocab has no ?'],
    [withPiece('WordPiece', 257), 'model.vocab is not supported: it has a piece of 257 characters; the limit is 256'],
    [withPiece('Unigram', 257), 'model.vocab is not supported: it has a piece of 257 characters; the limit is 256'],
    [{ type: 'BPE', dropout: 0.1, vocab: {}, merges: [] }, 'model.dropout is not supported'],
    [{ type: 'BPE', byte_fallback: true, vocab: {}, merges: [] }, 'model.byte_fallback is not supported'],
    [{ type: 'BPE', end_of_word_suffix: '</w>', vocab: {}, merges: [] }, 'model.end_of_word_suffix is not supported'],
    [{ type: 'BPE', vocab: [], merges: [] }, 'model.vocab is not an object'],
    [{ type: 'BPE', vocab: {}, merges: {} }, 'model.merges is not an array'],
    [{ ...MODELS.BPE, merges: ['l o', 'lo v'] }, 'model.merges makes lov, which model.vocab lacks'],
    [{ type: 'Unigram', unk_id: null, vocab: [['a', -1]] }, 'model.unk_id is not supported'],
    [{ type: 'Unigram', unk_id: 1, vocab: [['a', -1]] }, 'model.unk_id is 1 of 1 pieces'],
    [{ type: 'Unigram', unk_id: 0, byte_fallback: true, vocab: [] }, 'model.byte_fallback is not supported'],
  ])('is refused by name, %#', (json, message) => {
    expect(() => createModel(fileOf(json))).toThrow(message);
  });

  it.each(Object.keys(MODELS) as (keyof typeof MODELS)[])('of type %s is recognized without its type', (type) => {
    const { type: _, ...untyped } = MODELS[type];
    expect(piecesOf(untyped, 'lovex')).toBe(piecesOf(MODELS[type], 'lovex'));
  });
});

/** How often a model reads its tables while it tokenizes a word. */
function readsOf(json: Json, word: string): number {
  let count = 0;
  const counting = (table: Uint32Array) =>
    new Proxy(table, {
      get(target, key) {
        count++;
        return Reflect.get(target, key) as unknown;
      },
    });
  const file = fileOf(json);
  const { pieces, merges } = file;
  const model = createModel({
    ...file,
    pieces: { ...pieces, units: counting(pieces.units) },
    merges: { ...merges, rights: counting(merges.rights) },
  });
  count = 0;
  model.tokenize(word, false, () => {});
  return count;
}

describe('the number of reads', () => {
  it.each<[keyof typeof MODELS, number]>([
    // A word beyond the limit of characters is not looked up.
    ['WordPiece', 0],
    ['BPE', 12],
    // The longest piece has six characters, of three bytes at most.
    ['Unigram', 24],
  ])('of %s for a long word is at most %i for each character', (type, each) => {
    for (const unit of ['a', 'love', 'able', '☃', '\u0301', 'aab']) {
      const word = unit.repeat(3000);
      expect(readsOf(MODELS[type], word), unit).toBeLessThanOrEqual(each * word.length);
    }
  });

  it('of WordPiece for a word within its limit is at most ten for each character', () => {
    const json = { ...MODELS.WordPiece, max_input_chars_per_word: 1000 };
    expect(readsOf(json, 'e'.repeat(1000))).toBeLessThanOrEqual(10 * 1000);
  });
});
