/** Scores of whole texts, and the sentence heads. */
import { kind } from '#kind';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import type { Score } from '../../../src/schemas/score.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
beforeAll(fillBucket);

const DIGITS = 4;

const answer = <T>(path: string, body: unknown) => app.answer<T>(body, path);

/** Good and bad sentences, in the phenomena of BLiMP: agreement, verb forms, determiners, pronouns, polarity. */
const PAIRS = [
  ['He has been there.', 'He has be there.'],
  ['They were at home.', 'They was at home.'],
  ['She has gone to the city.', 'She has went to the city.'],
  ['These houses are old.', 'This houses are old.'],
  ['The man saw himself.', 'The man saw herself.'],
  ['I have never seen him before.', 'I have never see him before.'],
  ['He wants to go home.', 'He wants to goes home.'],
  ['It was the first time.', 'It was the first times.'],
  ['She was born in the city.', 'She was bear in the city.'],
  ['We do not know him.', 'We does not know him.'],
  ['He did not go.', 'He did not went.'],
  ['The children are in the house.', 'The children is in the house.'],
  ['There was a man in the room.', 'There was the man in room.'],
  ['He gave it to me.', 'He gave it to I.'],
  ['Many people were killed.', 'Much people were killed.'],
  ['He is one of the best players.', 'He is one of the best player.'],
] as const;

/** By token and place. */
const logsOf = (scored: Score) =>
  new Map(scored.tokens.map(({ token_str, score, offsets }) => [`${token_str} ${offsets.utf16[0]}`, score]));

describe('POST /score', () => {
  const text = 'The dog saw a cat.';

  it.each(['original', 'within_word_l2r'])(
    'gives the logarithm of the probability of each word at a mask: %s',
    async (metric) => {
      const { tokens, score, ...rest } = await answer<Score>('/score', { inputs: text, parameters: { metric } });
      expect(rest).toEqual({ metric });
      expect(tokens.map(({ token_str }) => token_str)).toEqual(['the', 'dog', 'saw', 'a', 'cat', '.']);
      for (const { token, token_str, score: ofToken, offsets } of tokens) {
        const [start, end] = offsets.utf16;
        const word = text.slice(start, end);
        const lead = /^ */.exec(word)?.[0].length ?? 0;
        const inputs = `${text.slice(0, start + lead)}[MASK]${text.slice(end)}`;
        const [filled] = await answer<Prediction[]>('/fill-mask', { inputs, parameters: { targets: [token_str] } });
        expect(filled?.token).toBe(token);
        expect(ofToken).toBeCloseTo(Math.log(filled?.score ?? NaN), DIGITS);
      }
      expect(score).toBeCloseTo(
        tokens.reduce((sum, one) => sum + one.score, 0),
        9,
      );
    },
  );

  it('also masks the rest of a word, unless the original metric is requested', async () => {
    const inputs = 'It is incomprehensibly late.';
    const l2r = await answer<Score>('/score', { inputs });
    const original = await answer<Score>('/score', { inputs, parameters: { metric: 'original' } });
    expect(l2r.metric).toBe('within_word_l2r');
    const differing = [...logsOf(l2r)].filter(
      ([name, score]) => Math.abs(score - (logsOf(original).get(name) ?? NaN)) > 1e-4,
    );
    const word = l2r.tokens.filter(({ offsets }) => offsets.utf16[0] >= 5 && offsets.utf16[1] <= 22);
    expect(word.length).toBeGreaterThan(1);
    // All but its last piece see less.
    expect(differing).toHaveLength(word.length - 1);
    expect(l2r.score).not.toBeCloseTo(original.score, 1);
  });

  it('ranks most acceptable sentences above unacceptable ones', async () => {
    const inputs = PAIRS.flat();
    const scores = (await answer<Score[]>('/score', { inputs })).map(({ score }) => score);
    const right = PAIRS.filter((_, i) => (scores[2 * i] ?? NaN) > (scores[2 * i + 1] ?? NaN));
    console.log(
      `${right.length} of ${PAIRS.length} pairs are ranked as people would`,
      PAIRS.filter((one) => !right.includes(one)),
    );
    expect(right.length).toBeGreaterThanOrEqual(13);
  });

  it('is cached for the exact text', async () => {
    const inputs = `The dog of ${kind.file} barks.`;
    const [first, again] = [await freshApp().ask({ inputs }, '/score'), await freshApp().ask({ inputs }, '/score')];
    expect(first.headers.get('cache-status')).toMatch(/edge; fwd=miss; stored$/);
    expect(again.headers.get('cache-status')).toMatch(/edge; hit/);
    expect(await again.text()).toBe(await first.text());
    const plain = await freshApp().ask({ inputs, parameters: { metric: 'original' } }, '/score');
    expect(plain.headers.get('cache-status')).toMatch(/edge; fwd=miss/);
  });

  it('reports the work in Server-Timing', async () => {
    const response = await freshApp({ CACHE: 'off' }).ask({ inputs: text }, '/score');
    // Six tokens, each masked in a text of eight.
    expect(response.headers.get('server-timing')).toContain('infer;desc="tokens=48 masks=6"');
  });
});

describe('POST /sentence-order', () => {
  const pair = { text: 'He opened the door.', text_pair: 'Then he went in.' };
  type Judged = { label: string; score: number }[];

  it('gives both labels, the more likely one first, with scores that sum to one', async () => {
    const judged = await answer<Judged>('/sentence-order', { inputs: pair });
    expect(judged.map(({ label }) => label).toSorted()).toEqual(['in_order', 'swapped']);
    const [first = NaN, second = NaN] = judged.map(({ score }) => score);
    expect(first).toBeGreaterThanOrEqual(second);
    expect(first + second).toBeCloseTo(1, 12);
  });

  it('answers a list of pairs with a list, each pair as if alone', async () => {
    const other = { text: pair.text_pair, text_pair: pair.text };
    const both = await answer<Judged[]>('/sentence-order', { inputs: [pair, other] });
    expect(both[0]).toEqual(await answer('/sentence-order', { inputs: pair }));
    expect(both[1]).toEqual(await answer('/sentence-order', { inputs: other }));
    expect(both[1]).not.toEqual(both[0]);
  });

  it('is cached', async () => {
    const inputs = { ...pair, text: `${kind.file}: ${pair.text}` };
    const [first, again] = [
      await freshApp().ask({ inputs }, '/sentence-order'),
      await freshApp().ask({ inputs }, '/sentence-order'),
    ];
    expect(again.headers.get('cache-status')).toMatch(/edge; hit/);
    expect(await again.text()).toBe(await first.text());
  });

  it('is refused with the reason by a model without the head', async () => {
    const response = await app.ask({ inputs: pair }, '/next-sentence');
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      error_type: 'no_such_head',
      error: expect.stringMatching(/^The model albert-edge@\w+ has no next-sentence head\. GET \/info/),
    });
  });
});
