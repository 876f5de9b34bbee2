/**
 * Every kind of tokenizer against the ids, offsets and decoded pieces that test/fixtures/record/token_ids.py recorded, and
 * against `tokenizers` itself where PYTHON names a Python with transformers. The small tokenizers are in
 * test/fixtures/tokenizers. Those of ALBERT, BERT and RoBERTa belong to others; TOKENIZERS_DATA names a folder with them.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { readTokenizer } from '../../../models/tokenizer/files.ts';
import { splitCharsmap } from '../../../models/tokenizer/pack.ts';
import { alignText } from '../../../src/tokenizer/aligned-text.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import { spellBytes } from '../../../src/tokenizer/pre-tokenizers/byte-level.ts';
import golden from '../../fixtures/golden.json' with { type: 'json' };
import texts from '../../fixtures/tokenizers/texts.json' with { type: 'json' };
import { sha256OfLines } from '../../src/tokenizer/characters.ts';
import { corpusLines, differing, mixTexts, tokensByPython } from './recorded-tokens.ts';

const PYTHON = process.env['PYTHON'];
const GENUINE = process.env['TOKENIZERS_DATA'];
const CORPUS = process.env['EVALUATION_DATA'];
const LONG = 900_000;
const FIXTURES = join(import.meta.dirname, '../../fixtures/tokenizers');
/** By name, the least number of pieces. */
const TOKENIZERS: [name: string, pieces: number][] = [
  ['wordpiece-uncased', 700],
  ['wordpiece-cased', 700],
  ['wordpiece-whitespace', 700],
  ['byte-level', 700],
  ['byte-level-prefixed', 700],
  ['unigram', 700],
  ['unigram-whole', 700],
  ['unigram-30k', 30_000],
  ['albert-base-v2', 30_000],
  ['bert-base-uncased', 30_000],
  ['roberta-base', 30_000],
];
const isHere = (name: string) => existsSync(join(FIXTURES, name));
const folderOf = (name: string) => join(isHere(name) ? FIXTURES : (GENUINE ?? ''), name);

interface Recorded {
  readonly pieces_sha256: string;
  readonly tokens: readonly string[];
}

async function load(name: string) {
  const found = await readTokenizer(folderOf(name));
  const tokenizer = createTokenizer(found.packed, found.special_tokens);
  const recorded = JSON.parse(await readFile(join(FIXTURES, `${name}.recorded.json`), 'utf8')) as Recorded;
  return { ...found, tokenizer, recorded, mask: found.special_tokens.mask };
}

describe.each(TOKENIZERS)('%s (%i pieces)', (name, pieces) => {
  const isAbsent = !isHere(name) && !GENUINE;
  const note = isAbsent ? ' (skipped unless TOKENIZERS_DATA names the folder of its files)' : '';

  it.skipIf(isAbsent)(`gives the recorded ids and offsets of every text${note}`, async () => {
    const { tokenizer, mask, recorded } = await load(name);
    expect(recorded.tokens).toHaveLength(texts.length);
    expect(differing(tokenizer, mask.token, texts, recorded.tokens)).toEqual([]);
  });

  it.skipIf(isAbsent)(`decodes every id as recorded${note}`, async () => {
    const { tokenizer, json, recorded } = await load(name);
    const { model, added_tokens } = JSON.parse(json) as { model: { vocab: object }; added_tokens: { id: number }[] };
    const count = Math.max(Object.keys(model.vocab).length, ...added_tokens.map(({ id }) => id + 1));
    const decoded = Array.from({ length: count }, (_, id) => tokenizer.decode([id]));
    expect(decoded.length).toBeGreaterThanOrEqual(pieces);
    expect(sha256OfLines(decoded)).toBe(recorded.pieces_sha256);
  });

  const random = pieces < 30_000 ? 5_000 : 20_000;
  it.skipIf(isAbsent || !PYTHON)(
    `gives the ids and offsets of tokenizers for ${random} random texts (skipped unless PYTHON has transformers)`,
    { timeout: LONG },
    async () => {
      const { tokenizer, mask } = await load(name);
      const given = mixTexts(texts, random);
      const expected = await tokensByPython(PYTHON ?? '', pythonFile(name), given);
      expect(expected).toHaveLength(given.length);
      expect(differing(tokenizer, mask.token, given, expected).slice(0, 5)).toEqual([]);
    },
  );

  const lines = 20_000;
  it.skipIf(isAbsent || !PYTHON || !CORPUS || pieces < 30_000)(
    `gives the ids and offsets of tokenizers for ${lines} lines of the corpus (skipped without PYTHON and EVALUATION_DATA)`,
    { timeout: LONG },
    async () => {
      const { tokenizer, mask } = await load(name);
      const given = await corpusLines(CORPUS ?? '', lines);
      expect(given).toHaveLength(lines);
      const expected = await tokensByPython(PYTHON ?? '', pythonFile(name), given);
      expect(expected).toHaveLength(lines);
      expect(differing(tokenizer, mask.token, given, expected).slice(0, 5)).toEqual([]);
    },
  );
});

/** Where token_ids.py finds the tokenizer. */
function pythonFile(name: string): string {
  const file = join(folderOf(name), 'tokenizer.json');
  return isHere(name) && existsSync(file) ? file : folderOf(name);
}

describe('offsets', () => {
  it.each(['wordpiece-uncased', 'byte-level', 'unigram'])('of %s name the part that a piece spells', async (name) => {
    const { json, tokenizer, mask } = await load(name);
    const { normalizer, charsmap } = splitCharsmap((JSON.parse(json) as { normalizer: unknown }).normalizer);
    const normalizeText = createNormalizer(normalizer, charsmap);
    const spell = name === 'byte-level' ? spellBytes : (text: string) => normalizeText(alignText(text)).text;
    let known = 0;
    let exact = 0;
    // Two characters that become one quotation mark are excluded: the offsets name only the second.
    for (const { text } of golden.cases.filter((one) => !/``|''/.test(one.text))) {
      const { input_ids, offsets } = tokenizer.encode(findMasks(text));
      for (const [i, id] of input_ids.entries()) {
        const part = text.slice(offsets[2 * i], offsets[2 * i + 1]);
        if (part === '' || id === tokenizer.unk_id || id === mask.id) continue;
        const piece = tokenizer.piece(id).replace(/^(##|[\u2581\u0120])/, '');
        const made = spell(part).trim();
        expect(made).toContain(piece);
        // A piece may be the sign for a space alone, or a part of what one character becomes.
        exact += piece === '' || piece === made ? 1 : 0;
        known++;
      }
    }
    expect(known).toBeGreaterThan(10_000);
    expect(exact / known).toBeGreaterThan(0.95);
  });
});
