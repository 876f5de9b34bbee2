/**
 * Tokenizers of every kind against `tokenizers`, by what test/fixtures/record/token_ids.py recorded: small ones that lie in
 * test/fixtures/tokenizers, and those of ALBERT, BERT and RoBERTa, which are other people's and lie elsewhere.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { readTokenizer } from '../../../models/tokenizer/files.ts';
import { alignText } from '../../../src/tokenizer/aligned-text.ts';
import { spellBytes } from '../../../src/tokenizer/pre-tokenizers/byte-level.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import { createPreTokenizer } from '../../../src/tokenizer/pre-tokenizers/create-pre-tokenizer.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import golden from '../../fixtures/golden.json' with { type: 'json' };
import characters from '../../fixtures/tokenizers/characters.json' with { type: 'json' };
import texts from '../../fixtures/tokenizers/texts.json' with { type: 'json' };
import { blocksOfCharacters } from './characters.ts';
import { corpusLines, differing, mixTexts, sha256OfLines, tokensByPython } from './recorded-tokens.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

const PYTHON = process.env['PYTHON'];
const GENUINE = process.env['TOKENIZERS_DATA'];
const CORPUS = process.env['EVALUATION_DATA'];
const LINES = 20_000;
const LONG = 900_000;
const FIXTURES = join(import.meta.dirname, '../../fixtures/tokenizers');
const SMALL = [
  'wordpiece-uncased',
  'wordpiece-cased',
  'wordpiece-whitespace',
  'byte-level',
  'byte-level-prefixed',
  'unigram',
  'unigram-whole',
];

interface Recorded {
  readonly pieces_sha256: string;
  readonly tokens: readonly string[];
}

async function readRecorded(name: string): Promise<Recorded> {
  return JSON.parse(await readFile(join(FIXTURES, `${name}.recorded.json`), 'utf8')) as Recorded;
}

async function loadTokenizer(folder: string) {
  const { json, special_tokens } = await readTokenizer(folder);
  return { json, special_tokens, tokenizer: createTokenizer(JSON.parse(json) as object, special_tokens) };
}

/** What every id is decoded to, as far as there are ids. */
function decodeAll(tokenizer: Tokenizer): string[] {
  const decoded: string[] = [];
  for (let id = 0; tokenizer.piece(id) !== ''; id++) decoded.push(tokenizer.decode([id]));
  return decoded;
}

describe.each(SMALL)('the small tokenizer %s', (name) => {
  it('gives the ids and offsets of tokenizers on every awkward text', async () => {
    const { tokenizer, special_tokens } = await loadTokenizer(join(FIXTURES, name));
    const { tokens } = await readRecorded(name);
    expect(tokens).toHaveLength(texts.length);
    expect(differing(tokenizer, special_tokens.mask.token, texts, tokens)).toEqual([]);
  });

  it('decodes every id as tokenizers do', async () => {
    const { tokenizer } = await loadTokenizer(join(FIXTURES, name));
    const decoded = decodeAll(tokenizer);
    expect(decoded.length).toBeGreaterThanOrEqual(700);
    expect(sha256OfLines(decoded)).toBe((await readRecorded(name)).pieces_sha256);
  });

  it.skipIf(!PYTHON)(
    'gives the same on 20,000 random texts (skipped unless PYTHON names one with transformers)',
    { timeout: LONG },
    async () => {
      const { tokenizer, special_tokens } = await loadTokenizer(join(FIXTURES, name));
      const mixed = mixTexts(texts, 20_000);
      const file = join(FIXTURES, name, 'tokenizer.json');
      const expected = await tokensByPython(PYTHON ?? '', existsSync(file) ? file : join(FIXTURES, name), mixed);
      expect(expected).toHaveLength(mixed.length);
      expect(differing(tokenizer, special_tokens.mask.token, mixed, expected).slice(0, 5)).toEqual([]);
    },
  );
});

describe('offsets', () => {
  it.each(['wordpiece-uncased', 'byte-level', 'unigram'])('by %s say what each piece was made of', async (name) => {
    const { json, tokenizer, special_tokens } = await loadTokenizer(join(FIXTURES, name));
    const normalizeText = createNormalizer((JSON.parse(json) as { normalizer: unknown }).normalizer);
    const spell = name === 'byte-level' ? spellBytes : (text: string) => normalizeText(alignText(text)).text;
    let known = 0;
    let exact = 0;
    // Of two characters that become one quotation mark, the offsets have but the second.
    for (const { text } of golden.cases.filter((one) => !/``|''/.test(one.text))) {
      const { input_ids, offsets } = tokenizer.encode(findMasks(text));
      for (const [i, id] of input_ids.entries()) {
        const part = text.slice(offsets[2 * i], offsets[2 * i + 1]);
        if (part === '' || id === tokenizer.unk_id || id === special_tokens.mask.id) continue;
        // A piece has a sign of a blank before it, or of none.
        const piece = tokenizer.piece(id).replace(/^(##|[\u2581\u0120])/, '');
        const made = spell(part).trim();
        expect(made).toContain(piece);
        // It may be that sign alone, or a part of what a character becomes.
        exact += piece === '' || piece === made ? 1 : 0;
        known++;
      }
    }
    expect(known).toBeGreaterThan(10_000);
    expect(exact / known).toBeGreaterThan(0.95);
  });
});

describe('every character', () => {
  it.each(characters.cases)('becomes what it becomes in tokenizers by %j', ({ component, sha256 }) => {
    const given: { normalizer?: unknown; pre_tokenizer?: unknown } = component;
    const normalizeBlock = createNormalizer(given.normalizer);
    const split = createPreTokenizer(given.pre_tokenizer);
    const made = blocksOfCharacters().map((block) =>
      split(normalizeBlock(alignText(block)))
        .map(({ text }) => text)
        .join('\0'),
    );
    expect(sha256OfLines(made)).toBe(sha256);
  });
});

const ABSENT = 'skipped unless TOKENIZERS_DATA names the folder of their files';

describe.skipIf(!GENUINE).each(['albert-base-v2', 'bert-base-uncased', 'roberta-base'])(`%s (${ABSENT})`, (name) => {
  const folder = join(GENUINE ?? '', name);

  it('gives the ids and offsets of transformers on every awkward text', async () => {
    const { tokenizer, special_tokens } = await loadTokenizer(folder);
    const { tokens } = await readRecorded(name);
    expect(differing(tokenizer, special_tokens.mask.token, texts, tokens)).toEqual([]);
  });

  it('decodes every id as transformers do', async () => {
    const decoded = decodeAll((await loadTokenizer(folder)).tokenizer);
    expect(decoded.length).toBeGreaterThanOrEqual(30_000);
    expect(sha256OfLines(decoded)).toBe((await readRecorded(name)).pieces_sha256);
  });

  it.skipIf(!PYTHON || !CORPUS)(
    `gives the same on ${LINES} random texts and ${LINES} lines (skipped unless PYTHON and EVALUATION_DATA are there)`,
    { timeout: LONG },
    async () => {
      const { tokenizer, special_tokens } = await loadTokenizer(folder);
      const given = [...mixTexts(texts, LINES), ...(await corpusLines(CORPUS ?? '', LINES))];
      expect(given).toHaveLength(2 * LINES);
      const expected = await tokensByPython(PYTHON ?? '', folder, given);
      expect(expected).toHaveLength(given.length);
      const others = differing(tokenizer, special_tokens.mask.token, given, expected);
      console.log(`${name} differs on ${others.length} of ${given.length} texts`);
      expect(others.slice(0, 5)).toEqual([]);
    },
  );
});
