/** The packed form of a unigram tokenizer of 30,000 pieces against its `tokenizer.json`; see also recorded.test.ts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { packUnigram } from '../../../models/tokenizer/unigram.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { createUnigramTokenizer } from '../../../src/tokenizer/packed-unigram/create-tokenizer.ts';
import { readUnigram } from '../../../src/tokenizer/packed-unigram/format.ts';
import { normalize } from '../../../src/tokenizer/packed-unigram/normalize.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import characters from '../../fixtures/tokenizers/characters.json' with { type: 'json' };
import texts from '../../fixtures/tokenizers/texts.json' with { type: 'json' };
import { blocksOfCharacters, sha256OfLines } from '../../src/tokenizer/characters.ts';

const FILE = join(import.meta.dirname, '../../fixtures/tokenizers/unigram-30k/tokenizer.json');

let bytes: Uint8Array;
let tokenizer: Tokenizer;
/** The same tokenizer, created from its `tokenizer.json`. */
let general: Tokenizer;

beforeAll(async () => {
  const json = await readFile(FILE, 'utf8');
  const packed = packUnigram(json);
  if (!packed) throw new Error('the tokenizer has no packed form');
  bytes = packed;
  tokenizer = createUnigramTokenizer(bytes);
  const special = { mask: { id: 4, token: '[MASK]' }, unk: { id: 1, token: '<unk>' } };
  general = createTokenizer(JSON.parse(json) as object, special);
});

const idsOf = (text: string) => [...tokenizer.encode(findMasks(text)).input_ids];
const pieceIds = () => Array.from({ length: readUnigram(bytes).header.pieces }, (_, id) => id);

describe('the packed tokenizer', () => {
  it('gives the positions of the masks, and one segment', () => {
    const { token_type_ids, masked_positions } = tokenizer.encode(findMasks('a <mask> [SEP]\t[MASK][MASK].'));
    expect([...masked_positions]).toEqual([2, 4, 5]);
    expect([...token_type_ids]).toEqual(Array.from({ length: 8 }, () => 0));
    expect(() => tokenizer.encode({ text: '[MASK]', masks: [] })).toThrow('sees 1 masks where the text has 0');
  });

  it('gives offsets in the original text, whichever spelling a mask has', () => {
    const { offsets } = tokenizer.encode(findMasks('é <mask>x[MASK] 👍'));
    expect(offsets).toEqual(tokenizer.encode(findMasks('é [MASK]x<mask> 👍')).offsets);
    const bounds = Array.from({ length: offsets.length / 2 }, (_, i) => offsets.slice(2 * i, 2 * i + 2).join());
    expect(bounds).toEqual(['0,0', '0,1', '1,8', '8,9', '9,15', '15,16', '16,18', '0,0']);
  });

  it('normalizes every character as tokenizers does', () => {
    const { characters: table } = readUnigram(bytes);
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const { sha256 } = characters.cases.at(-1) ?? {};
    const made = blocksOfCharacters().map((block) =>
      // A block that does not begin the text gets no space before it.
      decoder.decode(normalize(`.${block}`, 1, block.length + 1, table).bytes),
    );
    expect(sha256OfLines(made)).toBe(sha256);
  });

  it('reads half a character as U+FFFD', () => {
    for (const half of ['\ud83d', '\ude00']) {
      for (const [before, after] of [
        ['', ''],
        ['a', 'b'],
        ['[MASK]', '[MASK]'],
        ['', ' [MASK]'],
      ]) {
        expect(idsOf(`${before}${half}${after}`)).toEqual(idsOf(`${before}\ufffd${after}`));
      }
    }
  });

  it('has no text for an id outside its vocabulary', () => {
    for (const id of [-1, pieceIds().length]) expect(() => tokenizer.decode([id])).toThrow(`no piece ${id}`);
  });

  it('gives for every pair of texts what its tokenizer.json gives', () => {
    for (const [i, text] of texts.entries()) {
      const pair = texts.at(-1 - i) ?? '';
      const found = tokenizer.encodePair(text, pair);
      expect(found, text).toEqual(general.encodePair(text, pair));
      expect(found.masked_positions).toHaveLength(0);
      const ids = [...found.input_ids];
      expect(tokenizer.decode(ids)).toBe(general.decode(ids));
      expect(tokenizer.fill(ids.slice(1))).toBe(general.fill(ids.slice(1)));
    }
  });

  it('knows which pieces continue a word, as its tokenizer.json does', () => {
    const continuing = pieceIds().filter((id) => tokenizer.continuesWord(id));
    expect(continuing).toEqual(pieceIds().filter((id) => general.continuesWord(id)));
    expect(continuing).toHaveLength(5015);
    for (const id of continuing) expect(tokenizer.piece(id)).toMatch(/^[\p{L}\p{N}]/u);
    expect(() => tokenizer.continuesWord(30_000)).toThrow('no piece 30000');
    expect(general.continuesWord(30_000)).toBe(false);
  });

  it('encodes targets as its tokenizer.json does, at the beginning of a word and inside one', () => {
    const targets = pieceIds()
      .filter((id) => id % 7 === 0)
      .map((id) => tokenizer.decode([id]));
    targets.push(
      '',
      ' ',
      ' Paris ',
      'New York',
      'Café',
      "don't",
      'ΣΑΣ',
      '☃',
      'a☃☃b',
      '漢字',
      '각',
      '\u2581a',
      'ﬁn',
      '1,000',
    );
    for (const target of targets) {
      for (const before of ['', ' ', 'x', '(']) {
        expect(tokenizer.encodeTarget(target, before), target).toEqual(general.encodeTarget(target, before));
      }
    }
    expect(tokenizer.unk_id).toBe(general.unk_id);
  });
});
