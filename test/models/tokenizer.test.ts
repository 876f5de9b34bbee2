/**
 * The binary tokenizer of the default model against `transformers`, by what it said of texts that are awkward
 * (test/fixtures/token-ids.json), of the golden texts and, where there is a Python with it, of a great many others.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, inject, it } from 'vitest';

import { type Checkpoint, readCheckpoint, specialTokens } from '../../models/build.ts';
import { seeded } from '../../models/evaluation/random.ts';
import { packUnigram } from '../../models/tokenizer/unigram.ts';
import { findMasks, spellMasks } from '../../src/tokenizer/masks.ts';
import { normalize } from '../../src/tokenizer/normalize.ts';
import { createTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { readUnigram } from '../../src/tokenizer/unigram-format.ts';
import { createUnigramTokenizer } from '../../src/tokenizer/unigram.ts';
import golden from '../fixtures/golden.json' with { type: 'json' };
import recorded from '../fixtures/token-ids.json' with { type: 'json' };

const PYTHON = process.env['PYTHON'];
const DATA = process.env['EVALUATION_DATA'];
const SCRIPT = join(import.meta.dirname, '../../models/train/token_ids.py');
const LINES = 100_000;
const LONG = 900_000;

let checkpoint: Checkpoint;
let bytes: Uint8Array;
let tokenizer: Tokenizer;
let library: Tokenizer;

beforeAll(async () => {
  checkpoint = await readCheckpoint(inject('built').id);
  const packed = packUnigram(checkpoint.tokenizer);
  if (!packed) throw new Error('the tokenizer of the default model is not of the binary form');
  bytes = packed;
  tokenizer = createUnigramTokenizer(bytes);
  library = createTokenizer(JSON.parse(checkpoint.tokenizer) as object, {
    special_tokens: specialTokens(checkpoint.tokenizer),
  });
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const idsOf = (text: string, by = tokenizer) => [...by.encode(findMasks(text)).input_ids];
const pieceIds = () => Array.from({ length: readUnigram(bytes).header.pieces }, (_, id) => id);

describe('the binary tokenizer', () => {
  it('is compared with what was recorded of the committed tokenizer.json', () => {
    expect(sha256(checkpoint.tokenizer)).toBe(recorded.tokenizer_sha256);
  });

  it('gives the ids of transformers on every golden text', () => {
    for (const { text, input_ids } of golden.cases) expect(idsOf(text), text).toEqual(input_ids);
  });

  it('gives the ids of transformers on every awkward text', () => {
    expect(recorded.cases.length).toBeGreaterThan(200);
    for (const { text, input_ids } of recorded.cases) expect(idsOf(text), JSON.stringify(text)).toEqual(input_ids);
  });

  it('says where the masks are, and that there is one segment', () => {
    const { token_type_ids, masked_positions } = tokenizer.encode(findMasks('a <mask> [SEP]\t[MASK][MASK].'));
    expect([...masked_positions]).toEqual([2, 4, 5]);
    expect([...token_type_ids]).toEqual(Array.from({ length: 8 }, () => 0));
    expect(() => tokenizer.encode({ text: '[MASK]', masks: [] })).toThrow('sees 1 masks where the text has 0');
  });

  it('makes of every code point what the normalizer of tokenizers makes of it', () => {
    const { characters } = readUnigram(bytes);
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const hash = createHash('sha256');
    for (let point = 0; point <= 0x10ffff; point++) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const between = `.x${String.fromCodePoint(point)}y`;
      const made = decoder.decode(normalize(between, 1, between.length, characters)).slice(1, -1);
      hash.update(`${point === 0x2581 ? made : made.replaceAll('\u2581', ' ')}\n`);
    }
    expect(hash.digest('hex')).toBe(recorded.characters_sha256);
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

  it('decodes every id as transformers and the library do', () => {
    const decoded = pieceIds().map((id) => tokenizer.decode(id));
    expect(sha256(decoded.map((text) => `${text}\n`).join(''))).toBe(recorded.pieces_sha256);
    expect(decoded).toEqual(pieceIds().map((id) => library.decode(id)));
    for (const id of [-1, decoded.length]) expect(() => tokenizer.decode(id)).toThrow(`no piece ${id}`);
  });

  it('encodes targets as the library does, at the beginning of a word and inside one', () => {
    const targets = pieceIds()
      .filter((id) => id % 7 === 0)
      .map((id) => library.decode(id));
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
      for (const startsWord of [true, false]) {
        expect(tokenizer.encodeTarget(target, startsWord), target).toEqual(library.encodeTarget(target, startsWord));
      }
    }
    expect(tokenizer.unk_id).toBe(library.unk_id);
  });
});

/** What `transformers` makes of texts, masks spelled as it knows them. */
async function idsByPython(texts: string[]): Promise<number[][]> {
  const running = promisify(execFile)(
    PYTHON ?? '',
    [SCRIPT, join(checkpoint.folder, 'tokenizer.json')],
    { maxBuffer: 2 ** 30 }, // about 6 bytes for each token
  );
  running.child.stdin?.end(texts.map((text) => `${JSON.stringify(spellMasks(findMasks(text), '[MASK]'))}\n`).join(''));
  const { stdout } = await running;
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as number[]);
}

/** The texts whose ids are other ones. */
const differing = (texts: string[], expected: number[][], by: Tokenizer) =>
  texts.filter((text, i) => idsOf(text, by).join() !== expected[i]?.join());

describe.skipIf(!PYTHON)('beside a Python (skipped unless PYTHON names one with transformers)', () => {
  it(
    'the binary tokenizer gives the same ids on 40,000 random texts of awkward characters',
    { timeout: LONG },
    async () => {
      const random = seeded(1);
      const atoms = recorded.cases.filter(({ text }) => text.length < 12).map(({ text }) => text);
      const characters = [...new Set(recorded.cases.flatMap(({ text }) => Array.from(text)))];
      const texts = Array.from({ length: 40_000 }, () =>
        Array.from({ length: 1 + random(12) }, () => {
          const from = random(3) === 0 ? atoms : characters;
          return from[random(from.length)];
        }).join(''),
      );
      const expected = await idsByPython(texts);
      expect(expected).toHaveLength(texts.length);
      expect(differing(texts, expected, tokenizer).slice(0, 5)).toEqual([]);
    },
  );

  it.skipIf(!DATA)(
    `it gives the same ids on ${LINES} lines of the corpus (skipped unless EVALUATION_DATA is beside it)`,
    { timeout: LONG },
    async () => {
      const texts = await corpusLines(DATA ?? '', LINES);
      expect(texts).toHaveLength(LINES);
      const expected = await idsByPython(texts);
      expect(expected).toHaveLength(LINES);
      const others = differing(texts, expected, library);
      console.log(`the general library differs on ${others.length} of ${LINES} lines, such as`, others.slice(0, 3));
      expect(differing(texts, expected, tokenizer).slice(0, 5)).toEqual([]);
    },
  );
});

/** The first lines of all shards, as many of each as there are. */
async function corpusLines(folder: string, count: number): Promise<string[]> {
  const corpus = [join(folder, 'corpus'), folder].find(existsSync) ?? folder;
  const shards = (await readdir(corpus)).filter((name) => name.endsWith('.txt.xz')).toSorted();
  const lines: string[] = [];
  for (const [i, shard] of shards.entries()) {
    const wanted = lines.length + Math.ceil((count - lines.length) / (shards.length - i));
    const unpacking = spawn('xz', ['-dc', join(corpus, shard)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(unpacking, 'close');
    for await (const line of createInterface({ input: unpacking.stdout })) {
      if (line !== '') lines.push(line);
      if (lines.length >= wanted) break;
    }
    unpacking.kill();
    await ended;
  }
  return lines;
}
