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
