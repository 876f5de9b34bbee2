import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();

beforeAll(fillBucket);

/** The part of an answer that does not depend on the spelling of the text. */
const scores = (lists: Prediction[][]) => lists.map((list) => list.map(({ token, score }) => ({ token, score })));

describe('POST /fill-mask', () => {
  it('answers one text with one mask with a list of five candidates, best first', async () => {
    const candidates = await app.answer<Prediction[]>({ inputs: 'Paris is the [MASK] of France.' });
    expect(candidates).toHaveLength(5);
    for (const { score, token, token_str, sequence } of candidates) {
      expect(score).toBeGreaterThan(0);
      expect(token).toBeTypeOf('number');
      expect(sequence).toBe(`Paris is the ${token_str} of France.`);
    }
    const order = candidates.map(({ score }) => score);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
    expect(new Set(candidates.map(({ token }) => token)).size).toBe(5);
  });

  it('answers a text with two masks with two lists', async () => {
    const [first, second, ...more] = await app.answer<Prediction[][]>({
      inputs: 'I love [MASK] because you are [MASK].',
    });
    expect(more).toEqual([]);
    expect(first?.[0]?.sequence).toBe(`I love ${first?.[0]?.token_str} because you are [MASK].`);
    expect(second?.[0]?.sequence).toBe(`I love [MASK] because you are ${second?.[0]?.token_str}.`);
  });

  it('answers several texts in order, each as if alone', async () => {
    const inputs = ['The [MASK] barked.', 'From [MASK] to [MASK].', 'The [MASK] barked.'];
    const [dog, fromTo, again] = await app.answer<unknown[]>({ inputs });
    expect(dog).toEqual(await app.answer({ inputs: inputs[0] }));
    expect(fromTo).toEqual(await app.answer({ inputs: inputs[1] }));
    expect(again).toEqual(dog);
  });

  it('answers a list of one text with a list of one answer', async () => {
    const text = 'The [MASK] barked.';
    expect(await app.answer({ inputs: [text] })).toEqual([await app.answer({ inputs: text })]);
  });

  it('is the same at /', async () => {
    const body = { inputs: 'The [MASK] barked.' };
    const response = await app.ask(body, '/');
    expect(await response.json()).toEqual(await app.answer(body));
  });

  it.each([1, 2, 100])('gives top_k %i candidates', async (top_k) => {
    expect(await app.answer({ inputs: 'The [MASK] barked.', parameters: { top_k } })).toHaveLength(top_k);
  });

  it('normalizes the scores over the whole vocabulary', async () => {
    const best = await app.answer<Prediction[]>({ inputs: 'The [MASK] barked.', parameters: { top_k: 100 } });
    const sum = best.reduce((total, { score }) => total + score, 0);
    expect(sum).toBeGreaterThan(0.2);
    expect(sum).toBeLessThan(1);
  });

  it('also accepts <mask>, and leaves the other masks of a sequence unchanged', async () => {
    const ours = await app.answer<Prediction[][]>({ inputs: 'The [MASK] of the [MASK].' });
    const theirs = await app.answer<Prediction[][]>({ inputs: 'The <mask> of the [MASK].' });
    expect(scores(theirs)).toEqual(scores(ours));
    expect(theirs[1]?.[0]?.sequence).toMatch(/^The <mask> of the /);
  });

  it('keeps the spelling, case and spaces of the text in the sequence', async () => {
    const [best] = await app.answer<Prediction[]>({ inputs: '  Über  ALLES: [MASK]\t! ' });
    expect(best?.sequence).toBe(`  Über  ALLES: ${best?.token_str}\t! `);
  });

  it('treats null as absent, and ignores fields beside inputs and parameters', async () => {
    const plain = await app.answer({ inputs: 'The [MASK] barked.' });
    expect(
      await app.answer({ inputs: 'The [MASK] barked.', parameters: null, options: { wait_for_model: true } }),
    ).toEqual(plain);
    expect(await app.answer({ inputs: 'The [MASK] barked.', parameters: { targets: null } })).toEqual(plain);
  });

  it('reports the work in Server-Timing', async () => {
    const timing = (await app.ask({ inputs: 'The [MASK] of [MASK].' })).headers.get('server-timing');
    expect(timing).toMatch(/load;dur=\d/);
    expect(timing).toMatch(/infer;desc="tokens=7 masks=2"/);
  });
});

describe('targets', () => {
  const inputs = 'London is a city in [MASK].';

  it('get their scores among all words, best first', async () => {
    const targets = [
      'water',
      'england',
      'france',
      'the',
      'europe',
      'it',
      'war',
      'which',
      'a',
      'this',
      'america',
      'his',
    ];
    const scored = await app.answer<Prediction[]>({ inputs, parameters: { targets } });
    expect(scored.map(({ token_str }) => token_str).toSorted()).toEqual(targets.toSorted());
    const order = scored.map(({ score }) => score);
    expect(order).toEqual(order.toSorted((a, b) => b - a));

    const all = await app.answer<Prediction[]>({ inputs, parameters: { top_k: 100 } });
    const known = scored.filter(({ token }) => all.some((candidate) => candidate.token === token));
    expect(known.length).toBeGreaterThanOrEqual(3);
    expect(all).toEqual(
      expect.arrayContaining(known.map(({ score, token }) => expect.objectContaining({ score, token }))),
    );
  });

  it('may be a single string, in any case, and are counted once, as the first is spelled', async () => {
    const one = await app.answer<Prediction[]>({ inputs, parameters: { targets: 'england' } });
    expect(one).toEqual([expect.objectContaining({ target: 'england' })]);
    expect(await app.answer({ inputs, parameters: { targets: ['England', 'ENGLAND', ' england '] } })).toEqual([
      { ...one[0], target: 'England' },
    ]);
  });

  it('are limited by top_k if it is given, and all returned otherwise', async () => {
    const targets = ['england', 'france', 'water', 'time', 'house', 'people', 'war'];
    const all = await app.answer<Prediction[]>({ inputs, parameters: { targets } });
    expect(all).toHaveLength(7);
    expect(await app.answer({ inputs, parameters: { targets, top_k: 2 } })).toEqual(all.slice(0, 2));
  });

  it('are tokenized by their position: at the beginning of a word or inside one', async () => {
    const [word] = await app.answer<Prediction[]>({ inputs: 'It is [MASK].', parameters: { targets: ['able'] } });
    const [ending] = await app.answer<Prediction[]>({ inputs: 'It is un[MASK].', parameters: { targets: ['able'] } });
    expect(word?.token_str).toBe('able');
    expect(ending?.token_str).toBe('##able');
    expect(word?.token).not.toBe(ending?.token);
  });
});

describe('many first requests at once', () => {
  it('all get the response that each gets alone', async () => {
    const cold = freshApp();
    const texts = Array.from({ length: 12 }, (_, i) => `Number ${i} is the [MASK] of ${'very '.repeat(i)}[MASK].`);
    const together = await Promise.all(texts.map(async (inputs) => (await cold.ask({ inputs })).json()));
    for (const [i, inputs] of texts.entries()) expect(together[i]).toEqual(await app.answer({ inputs }));
  });
});
