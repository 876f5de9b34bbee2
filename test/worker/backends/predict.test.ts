/** Answers of several runs of the model, compared with the product of single answers. */
import { kind } from '#kind';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
beforeAll(fillBucket);

/** Tolerance for float32 logits of texts in different batches. */
const DIGITS = 5;

/** The probability of one word at one mask of a text, from a single request. */
async function probability(inputs: string, mask: number, word: string): Promise<number> {
  const lists = await app.answer<Prediction[] | Prediction[][]>({ inputs, parameters: { targets: [word] } });
  const list = (Array.isArray(lists[0]) ? lists[mask] : lists) as Prediction[];
  return list[0]?.score ?? NaN;
}

describe('targets of several pieces', () => {
  const inputs = 'He went to [MASK] by train.';

  it('are scored as whole words: the product, filled left to right', async () => {
    const targets = ['new york', 'new england', 'south america'];
    const found = await app.answer<Prediction[]>({ inputs, parameters: { targets } });
    expect(found.map(({ token_str }) => token_str).toSorted()).toEqual(targets.toSorted());
    for (const { token_str, score, token_ids, token, sequence } of found) {
      const [first = '', second = ''] = token_str.split(' ');
      const expected =
        (await probability('He went to [MASK] [MASK] by train.', 0, first)) *
        (await probability(`He went to ${first} [MASK] by train.`, 0, second));
      expect(score / expected).toBeCloseTo(1, DIGITS);
      expect(token_ids).toHaveLength(2);
      expect(token).toBe(token_ids?.[0]);
      expect(sequence).toBe(`He went to ${token_str} by train.`);
    }
    const order = found.map(({ score }) => score);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
  });

  it('can be mixed with targets of one piece, whose scores do not change', async () => {
    const [paris] = await app.answer<Prediction[]>({ inputs, parameters: { targets: ['paris'] } });
    const found = await app.answer<Prediction[]>({ inputs, parameters: { targets: ['new york', 'paris'] } });
    const same = found.find(({ token_str }) => token_str === 'paris');
    expect(same).toMatchObject({ token: paris?.token });
    expect((same?.score ?? NaN) / (paris?.score ?? NaN)).toBeCloseTo(1, DIGITS);
    expect(same).not.toHaveProperty('token_ids');
  });

  it('are tokenized by their position, also within a word', async () => {
    const [inside] = await app.answer<Prediction[]>({
      inputs: 'It was un[MASK].',
      parameters: { targets: ['comprehensibility'] },
    });
    expect(inside?.token_ids?.length).toBeGreaterThan(1);
    expect(inside?.sequence).toBe('It was uncomprehensibility.');
    expect(inside?.token_str).toBe('##comprehensibility');
  });

  it('have other pieces after another character, with a cache key of its own', async () => {
    const cold = freshApp();
    const [apart] = await (
      await cold.ask({ inputs: 'x [MASK]', parameters: { targets: ['do'] } })
    ).json<Prediction[]>();
    const [within] = await (
      await cold.ask({ inputs: 'x[MASK]', parameters: { targets: ['do'] } })
    ).json<Prediction[]>();
    expect(within?.token).not.toBe(apart?.token);
  });

  it('leave the other masks of a text masked, and are scored for each of them', async () => {
    const two = 'From [MASK] to [MASK].';
    const found = await app.answer<Prediction[][]>({ inputs: two, parameters: { targets: ['new york'] } });
    const expected =
      (await probability('From [MASK] to [MASK] [MASK].', 1, 'new')) *
      (await probability('From [MASK] to new [MASK].', 1, 'york'));
    expect((found[1]?.[0]?.score ?? NaN) / expected).toBeCloseTo(1, DIGITS);
    expect(found[1]?.[0]?.sequence).toBe('From [MASK] to new york.');
  });
});

describe('the strategy "joint"', () => {
  const inputs = 'I love [MASK] because you are [MASK].';

  it('gives combinations, best first, with the product along the more likely order of filling', async () => {
    const found = await app.answer<Prediction[]>({
      inputs,
      parameters: { strategy: 'joint', top_k: 3, num_beams: 50 },
    });
    expect(found).toHaveLength(3);
    for (const { score, token_ids, token_strs = [], token, token_str, sequence } of found) {
      const [a = '', b = ''] = token_strs;
      expect(sequence).toBe(`I love ${a} because you are ${b}.`);
      expect([token, token_str]).toEqual([token_ids?.[0], a]);
      const forwards =
        (await probability(inputs, 0, a)) * (await probability(`I love ${a} because you are [MASK].`, 0, b));
      const backwards =
        (await probability(inputs, 1, b)) * (await probability(`I love [MASK] because you are ${b}.`, 0, a));
      expect(score / Math.max(forwards, backwards)).toBeCloseTo(1, DIGITS);
    }
    const order = found.map(({ score }) => score);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
  });

  it('gives the scores of the words for a single mask', async () => {
    const one = 'The [MASK] barked.';
    const alone = await app.answer<Prediction[]>({ inputs: one });
    const found = await app.answer<Prediction[]>({ inputs: one, parameters: { strategy: 'joint' } });
    expect(found.map(({ token }) => token)).toEqual(alone.map(({ token }) => token));
    for (const [i, { score }] of found.entries()) expect(score / (alone[i]?.score ?? NaN)).toBeCloseTo(1, DIGITS);
  });

  it('finds nothing worse with a larger num_beams', async () => {
    const best = [];
    for (const num_beams of [1, 50]) {
      const parameters = { strategy: 'joint', num_beams, top_k: 1 };
      const found = await app.answer<Prediction[]>({ inputs: 'The [MASK] of the [MASK] [MASK].', parameters });
      best.push(found[0]?.score ?? NaN);
    }
    expect(best[1]).toBeGreaterThanOrEqual(best[0] ?? NaN);
  });

  it('answers a list of texts with a list of such lists', async () => {
    const texts = [inputs, 'The [MASK] barked.'];
    const parameters = { strategy: 'joint', top_k: 2 };
    const found = await app.answer<Prediction[][]>({ inputs: texts, parameters });
    for (const [i, text] of texts.entries()) expect(found[i]).toEqual(await app.answer({ inputs: text, parameters }));
  });

  it('is cached apart from the other strategy', async () => {
    const cold = freshApp();
    const text = `Number one of ${kind.file} is a [MASK] and a [MASK].`;
    const ask = (parameters: object) => cold.ask({ inputs: text, parameters });
    const first = await ask({ strategy: 'joint' });
    expect(first.headers.get('cache-status')).toMatch(/^isolate; fwd=miss/);
    expect((await ask({})).headers.get('cache-status')).toMatch(/^isolate; fwd=miss/);
    expect((await ask({ strategy: 'joint', num_beams: 9 })).headers.get('cache-status')).toMatch(/^isolate; fwd=miss/);
    const again = await ask({ strategy: 'joint' });
    expect(again.headers.get('cache-status')).toMatch(/^isolate; hit/);
    expect(await again.text()).toBe(await first.text());
    expect((await ask({ strategy: 'independent' })).headers.get('cache-status')).toMatch(/^isolate; hit/);
  });
});

const isLong = ({ token_ids }: Prediction) => token_ids !== undefined;

describe('whole words', () => {
  const inputs = 'He was born in [MASK], Germany.';
  const parameters = { whole_words: true, num_beams: 6, top_k: 1000 };
  it('of several pieces have the scores that they have as targets', async () => {
    const found = await app.answer<Prediction[]>({ inputs, parameters });
    const order = found.map(({ score }) => score);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
    const long = found.filter(isLong);
    expect(long.length).toBeGreaterThan(2);
    const targets = await app.answer<Prediction[]>({
      inputs,
      parameters: { targets: long.map(({ token_str }) => token_str) },
    });
    expect(targets.map(({ token_ids }) => token_ids)).toEqual(long.map(({ token_ids }) => token_ids));
    for (const [i, { score }] of long.entries()) {
      expect(score / (targets[i]?.score ?? NaN)).toBeCloseTo(1, DIGITS);
    }
  });

  it('leave candidates of one piece as they were, but for pieces that continue a word', async () => {
    const pieces = await app.answer<Prediction[]>({ inputs, parameters: { top_k: 1000 } });
    const found = await app.answer<Prediction[]>({ inputs, parameters });
    const short = found.filter((one) => !isLong(one));
    const wanted = pieces.filter(({ token_str }) => !token_str.startsWith('##'));
    expect(short.slice(0, wanted.length).map(({ token }) => token)).toEqual(wanted.map(({ token }) => token));
  });
});

describe('a filter', () => {
  it('leaves out what is no word, and changes no score', async () => {
    const inputs = 'He is a doctor [MASK]';
    const all = await app.answer<Prediction[]>({ inputs, parameters: { top_k: 100 } });
    const words = await app.answer<Prediction[]>({ inputs, parameters: { top_k: 20, filter: 'words' } });
    expect(words).toHaveLength(20);
    expect(words).toEqual(all.filter(({ token_str }) => /[\p{L}\p{N}]/u.test(token_str)).slice(0, 20));
    expect(all.slice(0, 20)).not.toEqual(words);
  });

  it('holds for combinations', async () => {
    const inputs = '[MASK] is a doctor [MASK]';
    const parameters = { strategy: 'joint', top_k: 10, filter: 'words' };
    const found = await app.answer<Prediction[]>({ inputs, parameters });
    expect(found).toHaveLength(10);
    for (const { token_strs = [] } of found) for (const word of token_strs) expect(word).toMatch(/[\p{L}\p{N}]/u);
  });
});

describe('many candidates', () => {
  it('are up to 1,000 for one mask, of which the first are those of a shorter list', async () => {
    const inputs = 'Paris is the [MASK] of France.';
    const many = await app.answer<Prediction[]>({ inputs, parameters: { top_k: 1000 } });
    expect(many).toHaveLength(1000);
    expect(new Set(many.map(({ token }) => token)).size).toBe(1000);
    expect(many.slice(0, 7)).toEqual(await app.answer({ inputs, parameters: { top_k: 7 } }));
  });

  it.each([
    [{ top_k: 101 }, /A text with several masks has at most 100 candidates/],
    [{ top_k: 101, strategy: 'joint' }, /A joint search returns at most 100 combinations/],
    [{ targets: ['a'], filter: 'words' }, /Remove one of the two/],
    [{ targets: ['a'], whole_words: true }, /Remove whole_words, or targets/],
    [{ strategy: 'joint', whole_words: true }, /cannot be combined with whole_words/],
  ])('and what excludes each other is refused: %j', async (wrong, message) => {
    const response = await app.ask({ inputs: '[MASK] and [MASK]', parameters: wrong });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(message) });
  });
});
