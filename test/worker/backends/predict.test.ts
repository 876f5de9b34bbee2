/** Answers that take more than one look at a text, each against many plain questions whose answers are multiplied here. */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import type { Tokenized } from '../../../src/schemas/tokenize.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
beforeAll(fillBucket);

/** Float32 logits, of texts that were run in other company. */
const DIGITS = 5;

async function answer<T>(body: unknown, path = '/fill-mask'): Promise<T> {
  const response = await app.ask(body, path);
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

/** The probability of one word for one mask of a text, as a plain question gives it. */
async function probability(inputs: string, mask: number, word: string): Promise<number> {
  const lists = await answer<Prediction[] | Prediction[][]>({ inputs, parameters: { targets: [word] } });
  const list = (Array.isArray(lists[0]) ? lists[mask] : lists) as Prediction[];
  return list[0]?.score ?? NaN;
}

describe('targets of several pieces', () => {
  const inputs = 'He went to [MASK] by train.';

  it('are scored as whole words: the product, filled left to right', async () => {
    const targets = ['new york', 'new england', 'south america'];
    const found = await answer<Prediction[]>({ inputs, parameters: { targets } });
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

  it('stand beside those of one piece, which score as they do alone', async () => {
    const [paris] = await answer<Prediction[]>({ inputs, parameters: { targets: ['paris'] } });
    const found = await answer<Prediction[]>({ inputs, parameters: { targets: ['new york', 'paris'] } });
    const same = found.find(({ token_str }) => token_str === 'paris');
    expect(same).toMatchObject({ token: paris?.token });
    expect((same?.score ?? NaN) / (paris?.score ?? NaN)).toBeCloseTo(1, DIGITS);
    expect(same).not.toHaveProperty('token_ids');
  });

  it('are read as they stand in the text, also within a word', async () => {
    const [inside] = await answer<Prediction[]>({
      inputs: 'It was un[MASK].',
      parameters: { targets: ['comprehensibility'] },
    });
    expect(inside?.token_ids?.length).toBeGreaterThan(1);
    expect(inside?.sequence).toBe('It was uncomprehensibility.');
    expect(inside?.token_str).toBe('comprehensibility');
  });

  it('have other pieces behind another character, which is another question', async () => {
    const cold = freshApp();
    const [apart] = await (
      await cold.ask({ inputs: 'x [MASK]', parameters: { targets: ['do'] } })
    ).json<Prediction[]>();
    const [within] = await (
      await cold.ask({ inputs: 'x[MASK]', parameters: { targets: ['do'] } })
    ).json<Prediction[]>();
    expect(within?.token).not.toBe(apart?.token);
  });

  it('leave the other masks of a text masked, and are given for each of them', async () => {
    const two = 'From [MASK] to [MASK].';
    const found = await answer<Prediction[][]>({ inputs: two, parameters: { targets: ['new york'] } });
    const expected =
      (await probability('From [MASK] to [MASK] [MASK].', 1, 'new')) *
      (await probability('From [MASK] to new [MASK].', 1, 'york'));
    expect((found[1]?.[0]?.score ?? NaN) / expected).toBeCloseTo(1, DIGITS);
    expect(found[1]?.[0]?.sequence).toBe('From [MASK] to new york.');
  });
});

describe('the strategy "joint"', () => {
  const inputs = 'I love [MASK] because you are [MASK].';

  it('gives combinations, best first, with the product of the likelier order of filling', async () => {
    const found = await answer<Prediction[]>({ inputs, parameters: { strategy: 'joint', top_k: 3 } });
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

  it('of one mask is what each is alone', async () => {
    const one = 'The [MASK] barked.';
    const alone = await answer<Prediction[]>({ inputs: one });
    const found = await answer<Prediction[]>({ inputs: one, parameters: { strategy: 'joint' } });
    expect(found.map(({ token }) => token)).toEqual(alone.map(({ token }) => token));
    for (const [i, { score }] of found.entries()) expect(score / (alone[i]?.score ?? NaN)).toBeCloseTo(1, DIGITS);
  });

  it('finds no worse with more num_beams', async () => {
    const best = [];
    for (const num_beams of [1, 50]) {
      const parameters = { strategy: 'joint', num_beams, top_k: 1 };
      const found = await answer<Prediction[]>({ inputs: 'The [MASK] of the [MASK] [MASK].', parameters });
      best.push(found[0]?.score ?? NaN);
    }
    expect(best[1]).toBeGreaterThanOrEqual(best[0] ?? NaN);
  });

  it('answers a list of texts by a list of such lists', async () => {
    const texts = [inputs, 'The [MASK] barked.'];
    const parameters = { strategy: 'joint', top_k: 2 };
    const found = await answer<Prediction[][]>({ inputs: texts, parameters });
    for (const [i, text] of texts.entries()) expect(found[i]).toEqual(await answer({ inputs: text, parameters }));
  });

  it('is remembered, and not taken for the other strategy', async () => {
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

describe('offsets', () => {
  it('say where each mask stands, in UTF-16 code units and in code points', async () => {
    const inputs = '😀 é [MASK] and <mask>';
    const [first, second] = await answer<Prediction[][]>({ inputs, parameters: { return_offsets: true, top_k: 2 } });
    for (const candidate of first ?? []) {
      expect(candidate.offsets).toEqual({ utf16: [5, 11], code_points: [4, 10] });
    }
    for (const candidate of second ?? []) {
      expect(candidate.offsets).toEqual({ utf16: [16, 22], code_points: [15, 21] });
    }
    const [joint] = await answer<Prediction[]>({ inputs, parameters: { return_offsets: true, strategy: 'joint' } });
    expect(joint?.offsets).toEqual([first?.[0]?.offsets, second?.[0]?.offsets]);
  });

  it('are left out unless they are asked for', async () => {
    const [plain] = await answer<Prediction[]>({ inputs: 'A [MASK].' });
    const [without] = await answer<Prediction[]>({ inputs: 'A [MASK].', parameters: { return_offsets: false } });
    expect(plain).not.toHaveProperty('offsets');
    expect(without).toEqual(plain);
  });
});

/** Each a token. */
const words = (count: number) => 'tree '.repeat(count);
/** What of an answer does not depend on the text. */
const scores = (list: Prediction[]) => list.map(({ token, score }) => ({ token, score }));

describe('truncation', () => {
  it('changes nothing of a text that fits', async () => {
    const inputs = 'The [MASK] barked.';
    expect(await answer({ inputs, parameters: { truncation: true } })).toEqual(await answer({ inputs }));
  });

  it.each([
    ['in the middle', 600, 600, 254, 255],
    ['near the beginning', 3, 900, 3, 506],
    ['near the end', 900, 2, 507, 2],
    ['at the very beginning', 0, 900, 0, 509],
    ['at the very end', 900, 0, 509, 0],
  ])('keeps what is around a mask %s, and says how much was cut', async (_, before, after, left, right) => {
    const inputs = `${words(before)}[MASK] ${words(after)}`.trim();
    const found = await answer<Prediction[]>({ inputs, parameters: { truncation: true } });
    for (const { truncated, sequence, token_str } of found) {
      expect(truncated).toEqual({ tokens_before: before - left, tokens_after: after - right });
      expect(sequence).toBe(inputs.replace('[MASK]', token_str));
    }
    // What is left, asked by itself.
    const kept = `${words(left)}[MASK] ${words(right)}`.trim();
    expect(scores(found)).toEqual(scores(await answer({ inputs: kept })));
  });

  it('keeps all masks, or says that they are too far apart', async () => {
    const parameters = { truncation: true };
    const near = `${words(300)}[MASK] ${words(400)}[MASK] ${words(300)}`;
    const [[first] = [], [second] = []] = await answer<Prediction[][]>({ inputs: near, parameters });
    expect(first?.truncated).toEqual({ tokens_before: 246, tokens_after: 246 });
    expect(second?.truncated).toEqual(first?.truncated);

    const refused = await app.ask({ inputs: `[MASK] ${words(509)}[MASK]`, parameters });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      error_type: 'masks_too_far_apart',
      error: expect.stringMatching(/its masks span 513 tokens, and the model reads 512/),
    });
    expect((await app.ask({ inputs: `[MASK] ${words(508)}[MASK]`, parameters })).status).toBe(200);
  });

  it('leaves room for the longest target, and no more', async () => {
    const inputs = `${words(600)}[MASK] ${words(600)}`;
    for (const [targets, kept] of [
      [['paris'], 509],
      [['new york', 'paris'], 508],
    ] as const) {
      const found = await answer<Prediction[]>({ inputs, parameters: { truncation: true, targets } });
      expect(found).toHaveLength(targets.length);
      const { tokens_before = 0, tokens_after = 0 } = found[0]?.truncated ?? {};
      expect(1200 - tokens_before - tokens_after).toBe(kept);
    }
  });

  it('changes nothing of a text that fits with its targets', async () => {
    const inputs = `${words(250)}[MASK] ${words(259)}`.trim();
    const parameters = { targets: ['dog', 'house'] };
    const plain = await answer<Prediction[]>({ inputs, parameters });
    expect(await answer({ inputs, parameters: { ...parameters, truncation: true } })).toEqual(plain);
    const far = { inputs: `[MASK] ${words(508)}[MASK]`, parameters: { truncation: true, targets: ['dog'] } };
    expect((await app.ask(far)).status).toBe(200);
    const further = await app.ask({ ...far, parameters: { truncation: true, targets: ['new york'] } });
    expect(await further.json()).toMatchObject({
      error: expect.stringMatching(/its masks span 513 tokens, and the model reads 512/),
    });
  });

  it('of a text is another question than without it, and with other targets', async () => {
    const cold = freshApp();
    const inputs = `${words(700)}[MASK] of ${kind.file}`;
    const targets = ['new york'];
    expect((await cold.ask({ inputs, parameters: { truncation: true } })).status).toBe(200);
    expect((await cold.ask({ inputs, parameters: { truncation: true, targets } })).status).toBe(200);
    expect((await cold.ask({ inputs })).status).toBe(422);
  });

  it('admits texts that are longer than those that are read whole, to a limit of their own', async () => {
    const parameters = { truncation: true };
    const long = `${words(3000)}[MASK] ${words(3000)}`;
    expect((await app.ask({ inputs: long })).status).toBe(422);
    expect((await app.ask({ inputs: long, parameters })).status).toBe(200);
    const refused = await app.ask({ inputs: `${words(7000)}[MASK]`, parameters });
    expect(await refused.json()).toMatchObject({ error_type: 'text_too_long', error: expect.stringMatching(/32768/) });
  });

  it('is remembered with what was cut', async () => {
    const inputs = `${words(600)}[MASK] ${words(601)}`;
    const ask = () => freshApp().ask({ inputs, parameters: { truncation: true } });
    const first = await ask();
    const again = await ask();
    expect(again.headers.get('cache-status')).toMatch(/edge; hit/);
    expect(await again.text()).toBe(await first.text());
  });
});

describe('POST /tokenize', () => {
  it('gives ids, pieces and where each stands in the text as it was sent', async () => {
    const text = 'Un😀 [MASK]  CAFÉ!';
    const { tokens } = await answer<Tokenized>({ inputs: text }, '/tokenize');
    expect(tokens[0]).toMatchObject({ piece: '[CLS]', special: true, offsets: { utf16: [0, 0], code_points: [0, 0] } });
    expect(tokens.at(-1)).toMatchObject({ piece: '[SEP]', special: true });
    const inner = tokens.slice(1, -1);
    expect(inner.every(({ special }) => !special)).toBe(true);
    for (const { offsets } of inner) {
      const part = text.slice(...offsets.utf16);
      expect(
        Array.from(text)
          .slice(...offsets.code_points)
          .join(''),
      ).toBe(part);
    }
    const places = inner.map(({ piece, offsets }) => [piece, text.slice(...offsets.utf16)]);
    expect(places).toContainEqual(['[MASK]', ' [MASK]']);
    expect(places).toContainEqual(['\u2581cafe', ' CAFÉ']);
  });

  it('gives the ids that the model is asked with, for a list a list', async () => {
    const [one, other] = await answer<Tokenized[]>({ inputs: ['The [MASK] saw a dog.', '   '] }, '/tokenize');
    expect(one?.tokens.map(({ token_str }) => token_str)).toEqual([
      '[CLS]',
      'the',
      '[MASK]',
      'saw',
      'a',
      'dog',
      '.',
      '[SEP]',
    ]);
    expect(other?.tokens.map(({ piece }) => piece)).toEqual(['[CLS]', '[SEP]']);
  });

  it('needs no weights', async () => {
    const read: string[] = [];
    const bucket = { get: (key: string) => (read.push(key), env.MODELS.get(key)) } as unknown as R2Bucket;
    expect((await freshApp({ MODELS: bucket }).ask({ inputs: 'A dog.' }, '/tokenize')).status).toBe(200);
    expect(new Set(read.map((key) => key.split('/').at(-1)))).toEqual(new Set(['manifest.json', 'tokenizer.bin']));
  });
});
