/** Predictions of several runs, compared with a slow and obvious reference that runs the model once per probability. */
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, readCheckpoint } from '../../../models/build/build.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { engineBackend } from '../../../models/evaluation/backends.ts';
import type { Backend, Encoding } from '../../../src/inference/backend.ts';
import { searchJointly, searchWork } from '../../../src/predict/joint.ts';
import { logProbabilities, spansOf } from '../../../src/predict/pseudo-log-likelihood.ts';
import { searchWords, wordSearchWork } from '../../../src/predict/whole-words.ts';
import { planTargetQueries, runQueries, type TargetWords } from '../../../src/predict/targets.ts';
import { noWork } from '../../../src/predict/work.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

/** The engine adds up e^logit in float32. */
const DIGITS = 6;

describe.each(['albert', 'bert', 'roberta'])('%s', (family) => {
  let checkpoint: Checkpoint;
  let backend: Backend;
  let tokenizer: Tokenizer;
  let mask_id: number;
  let vocab_size: number;

  beforeAll(async () => {
    checkpoint = await readCheckpoint(join(import.meta.dirname, '../../fixtures/families', family));
    backend = await engineBackend(packEngineFile(checkpoint.weights));
    const special_tokens = checkpoint.tokenizer.special_tokens;
    tokenizer = createTokenizer(checkpoint.tokenizer.packed, special_tokens);
    mask_id = special_tokens.mask.id;
    vocab_size = checkpoint.weights.config.vocab_size;
  });

  const encode = (text: string): Encoding => tokenizer.encode(findMasks(text));

  /** (vocab_size,) natural logarithms of the probabilities at one mask of the ids: a run for it alone, and the definition of softmax. */
  async function logsAt(ids: readonly number[], position: number): Promise<number[]> {
    const [answer] = await backend.run([
      {
        input_ids: Int32Array.from(ids),
        token_type_ids: new Int32Array(ids.length),
        masked_positions: Int32Array.of(position),
      },
    ]);
    const logits = Array.from(answer?.mlm ?? []);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
    return logits.map((logit) => logit - Math.log(sum));
  }

  /** All combinations of ids for two masks, in both orders of filling. */
  async function allPairs({ input_ids, masked_positions }: Encoding) {
    const ids = [...input_ids];
    const [a = 0, b = 0] = masked_positions;
    const found = new Map<string, number>();
    for (const [first, second] of [
      [a, b],
      [b, a],
    ] as const) {
      const before = await logsAt(ids, first);
      for (let one = 0; one < vocab_size; one++) {
        const after = await logsAt(ids.with(first, one), second);
        for (let other = 0; other < vocab_size; other++) {
          const key = first === a ? `${one} ${other}` : `${other} ${one}`;
          const log = (before[one] as number) + (after[other] as number);
          if (log > (found.get(key) ?? -Infinity)) found.set(key, log);
        }
      }
    }
    return [...found]
      .toSorted(([, x], [, y]) => y - x)
      .map(([key, log]) => ({ tokens: key.split(' ').map(Number), log }));
  }

  /** Words of several pieces at mask `m`, by a run for every beginning of a word. */
  async function wordsAt({ input_ids, masked_positions }: Encoding, m: number, before: string, beams: number) {
    const ids = [...input_ids];
    const at = masked_positions[m] ?? 0;
    const found: { word: number[]; log: number }[] = [];
    for (const pieces of [2, 3, 4]) {
      let kept: { word: number[]; log: number }[] = [{ word: [], log: 0 }];
      for (let piece = 0; piece < pieces; piece++) {
        const next: typeof kept = [];
        for (const { word, log } of kept) {
          const inPlace = Array.from({ length: pieces }, (_, i) => word[i] ?? mask_id);
          const logs = await logsAt(ids.toSpliced(at, 1, ...inPlace), at + piece);
          for (const [id, more] of logs.entries()) {
            const isWithin = piece > 0 || /\w/.test(before);
            if (
              !/[\p{L}\p{N}]/u.test(tokenizer.decode([id])) ||
              /^[[<]/.test(tokenizer.piece(id)) ||
              tokenizer.continuesWord(id) !== isWithin
            )
              continue;
            next.push({ word: [...word, id], log: log + more });
          }
        }
        kept = next.toSorted((a, b) => b.log - a.log).slice(0, beams);
      }
      found.push(...kept);
    }
    return found.filter(
      ({ word }) => tokenizer.encodeTarget(tokenizer.fill(word), before).join(' ') === word.join(' '),
    );
  }

  /** The same search, written naively: a run for every open mask and every id. */
  async function search({ input_ids, masked_positions }: Encoding, beams: number) {
    const places = [...masked_positions];
    let kept: { filled: Record<number, number>; log: number }[] = [{ filled: {}, log: 0 }];
    for (const _ of places) {
      const next = new Map<string, { filled: Record<number, number>; log: number }>();
      for (const { filled, log } of kept) {
        const ids = Array.from(input_ids, (id, i) => filled[i] ?? id);
        for (const place of places.filter((one) => !(one in filled))) {
          for (const [id, more] of (await logsAt(ids, place)).entries()) {
            const then = { ...filled, [place]: id };
            const key = JSON.stringify(then);
            if ((next.get(key)?.log ?? -Infinity) < log + more) next.set(key, { filled: then, log: log + more });
          }
        }
      }
      kept = [...next.values()].toSorted((a, b) => b.log - a.log).slice(0, beams);
    }
    return kept.map(({ filled, log }) => ({ tokens: places.map((place) => filled[place]), log }));
  }

  describe('whole words', () => {
    it.each([
      ['[MASK] and the [MASK] .', ['', ' ']],
      ['the c[MASK] sat', ['c']],
    ])('are those that a run for each beginning finds: %s', async (text, befores) => {
      const encoding = encode(text);
      const work = noWork();
      const found = await searchWords(encoding, befores, 4, mask_id, tokenizer, backend, work);
      for (const [m, before] of befores.entries()) {
        const expected = (await wordsAt(encoding, m, before, 4)).toSorted((a, b) => b.log - a.log);
        const words = found[m]?.toSorted((a, b) => b.log_probability - a.log_probability) ?? [];
        expect(words.map(({ ids }) => ids)).toEqual(expected.map(({ word }) => word));
        for (const [i, { log_probability }] of words.entries()) {
          expect(log_probability).toBeCloseTo(expected[i]?.log ?? NaN, DIGITS);
        }
      }
      expect(found.flat().length).toBeGreaterThan(0);
      expect(work.tokens).toBeLessThanOrEqual(wordSearchWork(encoding, 4, (tokens) => tokens));
    });
  });

  describe('a joint search', () => {
    it('finds the best of all combinations for two masks, with the score of the more likely order', async () => {
      const encoding = encode('I love [MASK] because you are [MASK].');
      const found = await searchJointly(encoding, 100, backend, noWork());
      const all = await allPairs(encoding);
      expect(found).toHaveLength(100);
      for (const [i, { tokens, log_probability }] of found.slice(0, 20).entries()) {
        expect(tokens).toEqual(all[i]?.tokens);
        expect(log_probability).toBeCloseTo(all[i]?.log ?? NaN, DIGITS);
      }
    });

    it.each([1, 2, 5])('with %i beams and several masks is that of the reference', async (beams) => {
      const encoding = encode('[MASK] of the [MASK] saw [MASK] in a [MASK].');
      const found = await searchJointly(encoding, beams, backend, noWork());
      const expected = await search(encoding, beams);
      expect(found.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
      for (const [i, { log_probability }] of found.entries()) {
        expect(log_probability).toBeCloseTo(expected[i]?.log ?? NaN, DIGITS);
      }
    });

    it('puts no more tokens through the model than was said before', async () => {
      for (const [text, beams] of [
        ['The [MASK].', 8],
        ['[MASK] [MASK] [MASK]', 3],
        ['I love [MASK] because you are [MASK].', 100],
      ] as const) {
        const work = noWork();
        await searchJointly(encode(text), beams, backend, work);
        expect(work.tokens).toBe(searchWork(encode(text), beams, (tokens) => tokens));
      }
    });
  });

  describe('words of several pieces', () => {
    it('have the product of the probabilities of their pieces, filled left to right', async () => {
      const encoding = encode('The [MASK] of the [MASK] was red.');
      const ids = [...encoding.input_ids];
      const n = vocab_size - 1;
      const ofMask = [[n], [n, n - 1], [n, n - 2], [n, n - 1, n - 2], [n - 3, n - 1, n], [n - 4], [n - 5, n - 5]].map(
        (word) => ({ target: '', ids: word }),
      );
      const words: TargetWords = [ofMask, ofMask.toReversed()];
      const plan = planTargetQueries(encoding, words, mask_id);
      await runQueries([...plan.queries], backend, noWork());

      for (const [m, ofThis] of words.entries()) {
        const at = encoding.masked_positions[m] as number;
        for (const [w, { ids: word }] of ofThis.entries()) {
          let expected = 0;
          for (const [i, piece] of word.entries()) {
            const inPlace = word.map((id, k) => (k < i ? id : mask_id));
            const widened = [...ids.slice(0, at), ...inPlace, ...ids.slice(at + 1)];
            expected += (await logsAt(widened, at + i))[piece] as number;
          }
          expect(plan.log_probabilities[m]?.[w], `${word.join(' ')} at ${m}`).toBeCloseTo(expected, DIGITS);
        }
      }
    });

    it('that begin alike share runs', () => {
      const encoding = encode('The [MASK].');
      const runs = (...words: number[][]) =>
        [...planTargetQueries(encoding, [words.map((word) => ({ target: '', ids: word }))], mask_id).queries].length;
      expect(runs([7], [8])).toBe(1);
      expect(runs([7, 8])).toBe(2);
      expect(runs([7, 8], [7, 9])).toBe(2);
      expect(runs([7, 8], [6, 9])).toBe(3);
      expect(runs([7, 8], [7, 8, 9], [7])).toBe(1 + 2 + 3);
    });
  });

  describe('the pseudo-log-likelihood', () => {
    it('treats punctuation, and the text after it, as separate words; RoBERTa has words of several signs', () => {
      const { input_ids, begins } = tokenizer.encodeWords(`Don't say "unbelievable" (never), 3.14 or café!`);
      const words: number[][] = [];
      for (let i = 1; i < input_ids.length - 1; i++) {
        if (i > 1 && begins[i] === 0) words.at(-1)?.push(input_ids[i] as number);
        else words.push([input_ids[i] as number]);
      }
      const texts = words.map((word) => tokenizer.fill(word).trim().toLowerCase()).filter((word) => word !== '');
      const expected =
        family === 'roberta'
          ? `don 't say " unbelievable " ( never ), 3 . 14 or café !`.split(' ')
          : `don ' t say " unbelievable " ( never ) , 3 . 14 or caf[eé] !`.split(' ');
      expect(texts).toEqual(expected.map((word) => expect.stringMatching(`^${word.replaceAll(/[().]/g, '\\$&')}$`)));
    });

    it.each(['original', 'within_word_l2r'] as const)(
      'of each token, %s, is that of a run of its own',
      async (metric) => {
        const encoding = tokenizer.encodeWords('Unbelievably, the incomprehensibilities reappeared!');
        const ids = [...encoding.input_ids];
        const { begins } = encoding;
        const spans = spansOf(metric, begins);
        const found = await logProbabilities(encoding, spans, mask_id, backend, noWork());
        expect(found).toHaveLength(ids.length - 2);
        let wider = 0;
        for (let i = 1; i < ids.length - 1; i++) {
          const masked = ids.slice();
          masked[i] = mask_id;
          if (metric === 'within_word_l2r') {
            for (let k = i + 1; k < ids.length - 1 && begins[k] === 0; k++, wider++) masked[k] = mask_id;
          }
          expect(found[i - 1]).toBeCloseTo((await logsAt(masked, i))[ids[i] as number] ?? NaN, DIGITS);
        }
        expect(wider > 0).toBe(metric === 'within_word_l2r');
      },
    );
  });
});
