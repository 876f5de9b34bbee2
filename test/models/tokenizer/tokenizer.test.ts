/**
 * The packed form of a unigram tokenizer of 30,000 pieces against `tokenizers`, by what was recorded of awkward texts
 * (test/fixtures/tokenizers) and, where there is a Python with it, of a great many others.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { packUnigram } from '../../../models/tokenizer/unigram.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { normalize } from '../../../src/tokenizer/packed-unigram/normalize.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { readUnigram } from '../../../src/tokenizer/packed-unigram/format.ts';
import { createUnigramTokenizer } from '../../../src/tokenizer/packed-unigram/create-tokenizer.ts';
import recorded from '../../fixtures/tokenizers/albert-edge.recorded.json' with { type: 'json' };
import characters from '../../fixtures/tokenizers/characters.json' with { type: 'json' };
import texts from '../../fixtures/tokenizers/texts.json' with { type: 'json' };
import { blocksOfCharacters } from './characters.ts';
import { corpusLines, differing, mixTexts, sha256OfLines, tokensByPython } from './recorded-tokens.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

const PYTHON = process.env['PYTHON'];
const DATA = process.env['EVALUATION_DATA'];
const LINES = 100_000;
const LONG = 900_000;
const MASK = '[MASK]';

const FILE = join(import.meta.dirname, '../../fixtures/tokenizers/unigram-30k/tokenizer.json');

let bytes: Uint8Array;
let tokenizer: Tokenizer;
/** The same by its `tokenizer.json`. */
let general: Tokenizer;

beforeAll(async () => {
  const json = await readFile(FILE, 'utf8');
  const packed = packUnigram(json);
  if (!packed) throw new Error('the tokenizer has no packed form');
  bytes = packed;
  tokenizer = createUnigramTokenizer(bytes);
  general = createTokenizer(JSON.parse(json) as object, {
    mask: { id: 4, token: MASK },
    unk: { id: 1, token: '<unk>' },
  });
});

const idsOf = (text: string) => [...tokenizer.encode(findMasks(text)).input_ids];
const pieceIds = () => Array.from({ length: readUnigram(bytes).header.pieces }, (_, id) => id);

describe('the binary tokenizer', () => {
  it('gives the ids and offsets of tokenizers on every awkward text', () => {
    expect(recorded.tokens).toHaveLength(texts.length);
    expect(differing(tokenizer, MASK, texts, recorded.tokens)).toEqual([]);
  });

  it('says where the masks are, and that there is one segment', () => {
    const { token_type_ids, masked_positions } = tokenizer.encode(findMasks('a <mask> [SEP]\t[MASK][MASK].'));
    expect([...masked_positions]).toEqual([2, 4, 5]);
    expect([...token_type_ids]).toEqual(Array.from({ length: 8 }, () => 0));
    expect(() => tokenizer.encode({ text: '[MASK]', masks: [] })).toThrow('sees 1 masks where the text has 0');
  });

  it('gives offsets in the text as it was sent, whichever way a mask is spelled', () => {
    const { offsets } = tokenizer.encode(findMasks('é <mask>x[MASK] 👍'));
    expect(offsets).toEqual(tokenizer.encode(findMasks('é [MASK]x<mask> 👍')).offsets);
    const bounds = Array.from({ length: offsets.length / 2 }, (_, i) => offsets.slice(2 * i, 2 * i + 2).join());
    expect(bounds).toEqual(['0,0', '0,1', '1,8', '8,9', '9,15', '15,16', '16,18', '0,0']);
  });

  it('makes of every character what the normalizer of tokenizers makes of it', () => {
    const { characters: table } = readUnigram(bytes);
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const { sha256 } = characters.cases.at(-1) ?? {};
    const made = blocksOfCharacters().map((block) =>
      // Nothing is put before what does not begin the text.
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

  it('decodes every id as tokenizers do', () => {
    const decoded = pieceIds().map((id) => tokenizer.decode([id]));
    expect(sha256OfLines(decoded)).toBe(recorded.pieces_sha256);
    expect(decoded).toEqual(pieceIds().map((id) => general.decode([id])));
    for (const id of [-1, decoded.length]) expect(() => tokenizer.decode([id])).toThrow(`no piece ${id}`);
  });

  it('makes the same of any two awkward texts as its tokenizer.json', () => {
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

  it('knows which pieces go on within a word, as its tokenizer.json does', () => {
    const continuing = pieceIds().filter((id) => tokenizer.continuesWord(id));
    expect(continuing).toEqual(pieceIds().filter((id) => general.continuesWord(id)));
    expect(continuing).toHaveLength(5015);
    for (const id of continuing) expect(tokenizer.piece(id)).toMatch(/^[\p{L}\p{N}]/u);
    expect(() => tokenizer.continuesWord(30_000)).toThrow('no piece 30000');
    expect(general.continuesWord(30_000)).toBe(false);
  });

  it('encodes targets as its tokenizer.json says, at the beginning of a word and inside one', () => {
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

const byPython = (given: readonly string[]) => tokensByPython(PYTHON ?? '', FILE, given);

describe.skipIf(!PYTHON)('beside a Python (skipped unless PYTHON names one with transformers)', () => {
  it('both tokenizers give the same on 40,000 random texts of awkward characters', { timeout: LONG }, async () => {
    const mixed = mixTexts(texts, 40_000);
    const expected = await byPython(mixed);
    expect(expected).toHaveLength(mixed.length);
    expect(differing(tokenizer, MASK, mixed, expected).slice(0, 5)).toEqual([]);
    expect(differing(general, MASK, mixed, expected).slice(0, 5)).toEqual([]);
  });

  it.skipIf(!DATA)(
    `they give the same on ${LINES} lines of the corpus (skipped unless EVALUATION_DATA is beside it)`,
    { timeout: LONG },
    async () => {
      const lines = await corpusLines(DATA ?? '', LINES);
      expect(lines).toHaveLength(LINES);
      const expected = await byPython(lines);
      expect(expected).toHaveLength(LINES);
      expect(differing(tokenizer, MASK, lines, expected).slice(0, 5)).toEqual([]);
      expect(differing(general, MASK, lines.slice(0, 20_000), expected.slice(0, 20_000)).slice(0, 5)).toEqual([]);
    },
  );
});
