/** The evaluation on small sets of a few sentences: reading, items, scores and summaries. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type Checkpoint, readCheckpoint } from '../../../models/build/build.ts';
import { type EvaluationData, readEvaluationData } from '../../../models/evaluation/data.ts';
import { compareBackends } from '../../../models/evaluation/agreement.ts';
import { evaluate } from '../../../models/evaluation/evaluate.ts';
import { ratio } from '../../../models/evaluation/ratio.ts';
import { type Items, makeItems } from '../../../models/evaluation/items.ts';
import { pseudoLogLikelihoods, score } from '../../../models/evaluation/score.ts';
import { printTable, tabulate, worseThan } from '../../../models/evaluation/table.ts';
import { buildGraph } from '../../../models/onnx/encoder.ts';
import { onnxBackend } from '../../../models/evaluation/backends.ts';
import type { Backend, Encoding } from '../../../src/inference/backend.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';

const run = promisify(execFile);
/** Where the real sets are, for the one test that reads them. */
const REAL = process.env['EVALUATION_DATA'];

const PARAGRAPH =
  'The old harbour was rebuilt after the storm, and unquestionably the shopkeepers were grateful for it. ' +
  'Every morning a boat with two fishermen left before sunrise and came back with whatever the sea had given them. ';

let folder: string;
let checkpoint: Checkpoint;
let data: EvaluationData;
let made: Items;
let backend: Backend;
let maskId: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  await writeSets(folder);
  checkpoint = await readCheckpoint(inject('built').id);
  data = await readEvaluationData(folder);
  maskId = checkpoint.tokenizer.special_tokens.mask.id;
  made = makeItems(data, checkpoint.tokenizer, 512, { share: 1, order: true });
  backend = await onnxBackend(buildGraph(checkpoint.weights, 'float32'));
});
afterAll(() => rm(folder, { recursive: true }));

const lines = (values: object[]) => values.map((value) => JSON.stringify(value)).join('\n');

const catPairs = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    sentence_good: `The ${i} shopkeepers annoy Tim.`,
    sentence_bad: `The ${i} shopkeepers annoys Tim.`,
  }));

async function writeSets(into: string) {
  const pararel = join(into, 'pararel/data');
  for (const path of ['blimp', 'pararel/data/trex_lms_vocab', 'pararel/data/pattern_data/graphs_json']) {
    await mkdir(join(into, path), { recursive: true });
  }
  await writeFile(join(into, 'blimp/agreement.jsonl'), lines(catPairs(60)));
  await writeFile(join(into, 'blimp/islands.jsonl'), lines(catPairs(2)));
  await writeFile(
    join(pararel, 'pattern_data/graphs_json/P36.jsonl'),
    lines([{ pattern: 'The capital of [X] is [Y] .' }, { pattern: '[Y], the capital of [X].' }]),
  );
  await writeFile(
    join(pararel, 'trex_lms_vocab/P36.jsonl'),
    lines([
      { sub_label: 'France', obj_label: 'Paris' },
      { sub_label: 'Nowhere', obj_label: 'Qwzxvkjhgf' },
    ]),
  );
  const paragraph = PARAGRAPH.repeat(8).trim();
  const document = (title: string, paragraphs: number) => `${title}\n${`${paragraph}\n`.repeat(paragraphs)}\n`;
  const short = (count: number) => `Short\n${`${PARAGRAPH}\n`.repeat(count)}\n`;
  await writeFile(join(into, 'valid.txt'), document('Harbours', 5) + document('Boats', 1) + short(12));
  await writeFile(
    join(into, 'wikitext-2-raw-test.txt'),
    ` = Harbour = \r\n ${paragraph} \r\n = = History = = \r\n ${paragraph} \r\n = Boat = \r\n ${paragraph} \r\n`,
  );
}

describe('the sets', () => {
  it('are read from a folder as they are published', () => {
    expect(data.blimp.get('agreement')?.[3]).toEqual({
      good: 'The 3 shopkeepers annoy Tim.',
      bad: 'The 3 shopkeepers annoys Tim.',
    });
    expect(data.facts).toEqual([
      { text: 'The capital of France is [MASK].', answer: 'Paris' },
      { text: 'The capital of Nowhere is [MASK].', answer: 'Qwzxvkjhgf' },
    ]);
    expect(data.valid.map((paragraphs) => paragraphs.length)).toEqual([5, 1, 12]);
    expect(data.wikitext.map((paragraphs) => paragraphs.length)).toEqual([2, 1]);
  });

  it('are read from packed files beside each other', async () => {
    const packed = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    try {
      await mkdir(join(packed, 'eval'));
      await mkdir(join(packed, 'corpus'));
      for (const set of ['blimp', 'pararel']) {
        await run('tar', ['-cJf', join(packed, 'eval', `${set}.tar.xz`), '-C', folder, set]);
      }
      await run('sh', ['-c', 'xz -c "$0" > "$1"', join(folder, 'valid.txt'), join(packed, 'corpus/valid.txt.xz')]);
      const wikitext = 'wikitext-2-raw-test.txt';
      await run('sh', ['-c', 'xz -c "$0" > "$1"', join(folder, wikitext), join(packed, 'eval', `${wikitext}.xz`)]);
      expect(await readEvaluationData(packed)).toEqual(data);

      await writeFile(join(packed, 'corpus/valid.txt.xz'), 'not packed');
      await expect(readEvaluationData(packed)).rejects.toThrow(/valid\.txt\.xz cannot be unpacked/);
      await rm(join(packed, 'eval/blimp.tar.xz'));
      await expect(readEvaluationData(packed)).rejects.toThrow(/no blimp and no blimp\.tar\.xz[^]*alexwarstadt\/blimp/);
    } finally {
      await rm(packed, { recursive: true });
    }
  });

  it('are refused by the line that is wrong', async () => {
    const path = join(folder, 'blimp/wrong.jsonl');
    await writeFile(path, '{"sentence_good": "A", "sentence_bad": "B"}\n{"sentence_good": "A"');
    await expect(readEvaluationData(folder)).rejects.toThrow(/wrong\.jsonl, line 2: has no "sentence_good"/);
    await rm(path);
  });

  it.skipIf(!REAL)('are whole where EVALUATION_DATA says they are (skipped without it)', async () => {
    const real = await readEvaluationData(REAL ?? '');
    expect([...real.blimp.values()].map((pairs) => pairs.length)).toEqual(Array.from({ length: 67 }, () => 1000));
    expect(real.facts.length).toBeGreaterThan(25_000);
    expect(real.valid.length).toBe(237);
    expect(real.wikitext.length).toBeGreaterThanOrEqual(60);
  });
});

describe('the items', () => {
  it('are 50 pairs of each set, all of a smaller one, and the facts with an answer of one piece', () => {
    const kinds = made.items.map((item) => (item.kind === 'pair' ? item.set : item.kind));
    expect(kinds.filter((kind) => kind === 'agreement')).toHaveLength(50);
    expect(kinds.filter((kind) => kind === 'islands')).toHaveLength(2);
    expect(made.singlePiece).toEqual({ facts: 1, of: 2 });
    expect(kinds.filter((kind) => kind === 'fact')).toHaveLength(1);
  });

  it('are deterministic, and complete if everything is requested', () => {
    expect(makeItems(data, checkpoint.tokenizer, 512, { share: 1, order: true })).toEqual(made);
    const pairs = (share: number) =>
      makeItems(data, checkpoint.tokenizer, 512, { share, order: false }).items.filter(({ kind }) => kind === 'pair');
    expect(pairs(Infinity)).toHaveLength(62);
    expect(pairs(0.25)).toHaveLength(13 + 2); // a quarter of 50 and all of 2
  });

  it('divide a paragraph at the end of a sentence, and swap the parts of about half of them', () => {
    const orders = made.items.filter((item) => item.kind === 'order');
    expect(orders.length).toBeGreaterThan(0);
    for (const { encoding } of orders) {
      expect(encoding.input_ids.length).toBeLessThanOrEqual(128);
      expect(new Set(encoding.token_type_ids)).toEqual(new Set([0, 1]));
    }
    expect(new Set(orders.map(({ swapped }) => swapped))).toEqual(new Set([true, false]));
  });

  it('mask whole words, 15 % of the tokens, once', () => {
    const tokenizer = createTokenizer(checkpoint.tokenizer.packed, checkpoint.tokenizer.special_tokens);
    const windows = made.items.filter((item) => item.kind === 'window');
    expect(new Set(windows.map(({ set }) => set))).toEqual(
      new Set(['valid', 'wikitext-2-raw', '16', '64', '128', '256', '512']),
    );
    for (const { set, encoding, labels, words, characters } of windows) {
      const length = set === 'valid' || set === 'wikitext-2-raw' ? 128 : Number(set);
      expect(encoding.input_ids).toHaveLength(length);
      const masked = [...encoding.masked_positions];
      expect(encoding.input_ids.filter((id) => id === maskId)).toHaveLength(masked.length);
      const wanted = Math.round(0.15 * (length - 2));
      expect(masked.length).toBeGreaterThanOrEqual(wanted);
      expect(masked.length - wanted).toBeLessThan(Math.max(...words));
      expect(words.reduce((a, b) => a + b)).toBe(masked.length);
      let at = 0;
      for (const count of words) {
        for (let k = 1; k < count; k++) {
          expect(masked[at + k]).toBe((masked[at] ?? 0) + k);
          expect(tokenizer.continuesWord(labels[at + k] ?? 0)).toBe(true);
        }
        // The token after a masked word does not belong to the word.
        const after = encoding.input_ids[(masked[at + count - 1] ?? 0) + 1] ?? 0;
        expect(tokenizer.continuesWord(after)).toBe(false);
        at += count;
      }
      expect(characters).toBeGreaterThanOrEqual(words.length);
    }
  });
});

describe('a score', () => {
  it('sums log p over the tokens, masked alone or with the rest of their word', async () => {
    const pair = made.items.find((item) => item.kind === 'pair' && item.good.starts.includes(0));
    if (pair?.kind !== 'pair') throw new Error('no pair has a word of several pieces');
    const { ids, starts } = pair.good;
    const expected = { plain: 0, within_word_l2r: 0 };
    for (let i = 1; i < ids.length - 1; i++) {
      for (const way of ['plain', 'within_word_l2r'] as const) {
        const input_ids = Int32Array.from(ids);
        input_ids[i] = maskId;
        if (way === 'within_word_l2r') for (let j = i + 1; !starts[j]; j++) input_ids[j] = maskId;
        const [logits] = await backend.run([
          { input_ids, token_type_ids: new Int32Array(ids.length), masked_positions: Int32Array.of(i) },
        ]);
        const odds = Array.from(logits?.mlm ?? [], Math.exp);
        expected[way] += Math.log((odds[ids[i] ?? 0] ?? 0) / odds.reduce((a, b) => a + b));
      }
    }
    const found = await pseudoLogLikelihoods(pair.good, backend, maskId);
    expect(found.plain).toBeCloseTo(expected.plain, 3);
    expect(found.within_word_l2r).toBeCloseTo(expected.within_word_l2r, 3);
    expect(found.within_word_l2r).not.toBeCloseTo(found.plain, 3);
  });

  it('of a window counts the words that are right in all pieces, and the bits of all', async () => {
    const window = made.items.find((item) => item.kind === 'window' && item.words.some((count) => count > 1));
    if (window?.kind !== 'window') throw new Error('no window has a masked word of several pieces');
    const scored = await score(window, backend, maskId);
    if (!('first' in scored)) throw new Error('a window was scored as something else');
    // With its own choices as the expected words, the model is always right, with fewer bits.
    const again = await score({ ...window, labels: scored.first }, backend, maskId);
    if (!('first' in again)) throw new Error('a window was scored as something else');
    expect(again.right).toBe(window.words.length);
    expect(again.bits).toBeLessThan(scored.bits);
    expect(scored.lead.every((lead) => lead >= 0)).toBe(true);

    // One wrong piece makes its word wrong, and no other.
    const labels = Int32Array.from(scored.first);
    labels[0] = labels[0] === 9 ? 10 : 9;
    const spoiled = await score({ ...window, labels }, backend, maskId);
    expect(spoiled).toMatchObject({ right: window.words.length - 1 });
  });
});

/** A backend whose first choice is piece 0, or, if it is wrong, piece 1 in a text that begins with the id 2. */
function choosing(wrong: boolean): Backend {
  const answer = ([encoding]: Encoding[]) => {
    const row = wrong && encoding?.input_ids[0] === 2 ? [0, 1, 0] : [1, 0, 0];
    return Promise.resolve([{ mlm: Float32Array.from([...row, ...row]), log_sum_exp: Float64Array.of(1.55, 1.55) }]);
  };
  return { run: answer } as unknown as Backend;
}

describe('a ratio over texts', () => {
  // Two texts of 2 masks each, with 2 and 0 right: the share of a text is 1 or 0, so its mean is 0.5 ± 0.5.
  const [part, whole] = [
    [2, 0],
    [2, 2],
  ];

  it('has the standard error of a mean where all texts have the same size', () => {
    expect(ratio(part, whole)).toEqual({ value: 0.5, error: 0.5 });
    const shares = [0.1, 0.4, 0.4, 0.7, 0.9];
    const mean = 0.5;
    const variance = shares.reduce((all, share) => all + (share - mean) ** 2, 0) / (shares.length - 1);
    expect(ratio(shares, [1, 1, 1, 1, 1]).error).toBeCloseTo(Math.sqrt(variance / shares.length), 12);
  });

  it('has one for both what measure and what evaluate print', async () => {
    // A backend that is right about the masks of the first text, and wrong about those of the second.
    const encodings = [1, 2].map((id) => ({
      input_ids: Int32Array.of(id, id),
      token_type_ids: new Int32Array(2),
      masked_positions: Int32Array.of(0, 1),
    }));
    const [error] = await compareBackends([choosing(true)], choosing(false), encodings);
    expect(error).toMatchObject({ clear_masks: 4, clear_top1_agreement: 0.5, clear_top1_standard_error: 0.5 });
  });
});

describe('the table', () => {
  const encoding = {
    input_ids: new Int32Array(),
    token_type_ids: new Int32Array(),
    masked_positions: new Int32Array(),
  };
  const words = { ids: new Int32Array(), starts: new Uint8Array() };

  it('has the shares, their standard errors and what int8 costs', () => {
    const pair = { kind: 'pair', set: 'a', good: words, bad: words } as const;
    const right = { plain: true, within_word_l2r: true };
    const wrong = { plain: false, within_word_l2r: true };
    const window = {
      kind: 'window',
      set: 'valid',
      encoding,
      labels: new Int32Array(2),
      words: Int32Array.of(1, 1),
      characters: 10,
    } as const;
    const evaluation = tabulate(
      [pair, pair, pair, pair, window, window, { kind: 'fact', encoding, answer: 7 }],
      [
        { float32: right, int8: right },
        { float32: right, int8: right },
        { float32: right, int8: wrong },
        { float32: wrong, int8: wrong },
        {
          float32: { bits: 20, right: 2, first: Int32Array.of(5, 6), lead: Float32Array.of(0.05, 2) },
          int8: { bits: 20, right: 2, first: Int32Array.of(7, 6), lead: Float32Array.of(1, 2) },
        },
        {
          float32: { bits: 40, right: 0, first: Int32Array.of(5, 6), lead: Float32Array.of(1, 1) },
          int8: { bits: 42, right: 0, first: Int32Array.of(5, 8), lead: Float32Array.of(1, 2) },
        },
        { float32: { better: 0 }, int8: { better: 9 } },
      ],
    );
    const row = (name: string) => evaluation.rows.find((candidate) => candidate.name === name);
    expect(row('BLiMP, plain PLL')).toMatchObject({ float32: { value: 75 }, int8: { value: 50 } });
    expect(row('BLiMP, plain PLL')?.int8.error).toBeCloseTo(25, 6);
    expect(row('BLiMP, within_word_l2r')).toMatchObject({ int8: { value: 100, error: 0 } });
    expect(row('ParaRel P@1')).toMatchObject({ float32: { value: 100 }, int8: { value: 0 } });
    expect(row('ParaRel P@10')).toMatchObject({ float32: { value: 100 }, int8: { value: 100 } });
    // Two windows, one all right and one all wrong: the words of a window count as one sample.
    expect(row('valid, words right')).toMatchObject({ float32: { value: 50, error: 50 } });
    expect(row('valid, bits per character')).toMatchObject({ float32: { value: 3 }, int8: { value: 3.1 } });
    expect(evaluation.agreement).toEqual({ all: { same: 2, of: 4 }, clear: { same: 2, of: 3 } });
    expect(worseThan(evaluation, 0.5)).toEqual(['BLiMP, plain PLL', 'ParaRel P@1', 'valid, bits per character']);
    expect(printTable(evaluation)).toMatch(/\| BLiMP, plain PLL, % +\| 4 pairs of 1 sets +\| +75\.0 ± 21\.7 \| +50\.0/);
  });
});

it('evaluates the model that is served, and says how far it is', { timeout: 300_000 }, async () => {
  const shares: number[] = [];
  const { revision, rows, agreement } = await evaluate(inject('built').id, {
    data: folder,
    share: 0.003,
    progress: (share) => void shares.push(share),
  });
  expect(revision).toBe(inject('built').revision);
  expect(rows.map(({ name }) => name)).toEqual([
    'BLiMP, within_word_l2r',
    'BLiMP, plain PLL',
    'ParaRel P@1',
    'ParaRel P@10',
    'sentence order, right',
    'valid, words right',
    'valid, bits per character',
    'wikitext-2-raw, words right',
    'wikitext-2-raw, bits per character',
    ...[16, 64, 128, 256, 512].map((length) => `words right at ${length} tokens`),
  ]);
  for (const { float32, int8 } of rows) {
    expect(Number.isFinite(float32.value) && Number.isFinite(int8.value)).toBe(true);
  }
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
  expect(agreement.clear.of).toBeLessThanOrEqual(agreement.all.of);
  expect(agreement.clear.same / agreement.clear.of).toBeGreaterThan(0.9);
});
