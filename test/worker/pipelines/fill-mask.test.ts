/** Offsets and truncation, which do not depend on the backend. */
import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
const compact = (text: string) => text.replaceAll(' ', '');
beforeAll(fillBucket);

describe('the sequence of a candidate', () => {
  // As the pipeline of transformers 5.17 gives it, but for the case.
  it.each([
    ['.', 'I know. Now'],
    [',', 'I know, Now'],
    ['!', 'I know! Now'],
    ['?', 'I know? Now'],
    ['-', 'I know - Now'],
    ['the', 'I know the Now'],
  ])('%s is %j', async (target, sequence) => {
    const [best] = await app.answer<Prediction[]>({ inputs: 'I know [MASK] Now', parameters: { targets: [target] } });
    expect(best?.sequence).toBe(sequence);
  });

  it('joins a piece that continues a word, alone and in a combination', async () => {
    const inputs = 'He was play [MASK] [MASK]';
    const found = await app.answer<Prediction[][]>({ inputs, parameters: { top_k: 100 } });
    const pieces = found[1]?.filter(({ token_str }) => token_str.startsWith('##')) ?? [];
    expect(pieces.length).toBeGreaterThan(0);
    for (const { token_str, sequence } of pieces) expect(sequence).toBe(`He was play [MASK]${token_str.slice(2)}`);
    const stop = found[1]?.find(({ token_str }) => token_str === '.');
    expect(stop?.sequence).toBe('He was play [MASK].');
    const joint = await app.answer<Prediction[]>({
      inputs,
      parameters: { strategy: 'joint', top_k: 20, num_beams: 20 },
    });
    const ended = joint.filter(({ token_strs }) => token_strs?.[1] === '.' && !token_strs[0]?.startsWith('##'));
    expect(ended.length).toBeGreaterThan(0);
    for (const { token_strs, sequence } of ended) {
      const [first = ''] = token_strs ?? [];
      expect(sequence).toBe(/^[.,!?;:)]$/.test(first) ? `He was play${first}.` : `He was play ${first}.`);
    }
  });
});

describe('offsets', () => {
  it('give the position of each mask in UTF-16 code units and in code points', async () => {
    const inputs = '😀 é [MASK] and <mask>';
    const [first, second] = await app.answer<Prediction[][]>({
      inputs,
      parameters: { return_offsets: true, top_k: 2 },
    });
    for (const candidate of first ?? []) {
      expect(candidate.offsets).toEqual({ utf16: [5, 11], code_points: [4, 10] });
    }
    for (const candidate of second ?? []) {
      expect(candidate.offsets).toEqual({ utf16: [16, 22], code_points: [15, 21] });
    }
    const [joint] = await app.answer<Prediction[]>({ inputs, parameters: { return_offsets: true, strategy: 'joint' } });
    expect(joint?.offsets).toEqual([first?.[0]?.offsets, second?.[0]?.offsets]);
  });

  it('are absent unless requested', async () => {
    const [plain] = await app.answer<Prediction[]>({ inputs: 'A [MASK].' });
    const [without] = await app.answer<Prediction[]>({ inputs: 'A [MASK].', parameters: { return_offsets: false } });
    expect(plain).not.toHaveProperty('offsets');
    expect(without).toEqual(plain);
  });
});

/** Each a token. */
const words = (count: number) => 'tree '.repeat(count);
/** The part of an answer that does not depend on the text. */
const scores = (list: Prediction[]) => list.map(({ token, score }) => ({ token, score }));

describe('truncation', () => {
  it('leaves a text that fits unchanged', async () => {
    const inputs = 'The [MASK] barked.';
    expect(await app.answer({ inputs, parameters: { truncation: true } })).toEqual(await app.answer({ inputs }));
  });

  it.each([
    ['in the middle', 600, 600, 254, 255],
    ['near the beginning', 3, 900, 3, 506],
    ['near the end', 900, 2, 507, 2],
    ['at the very beginning', 0, 900, 0, 509],
    ['at the very end', 900, 0, 509, 0],
  ])('keeps what is around a mask %s, and says how much was cut', async (_, before, after, left, right) => {
    const inputs = `${words(before)}[MASK] ${words(after)}`.trim();
    const found = await app.answer<Prediction[]>({ inputs, parameters: { truncation: true } });
    for (const { truncated, sequence, token_str } of found) {
      expect(truncated).toEqual({ tokens_before: before - left, tokens_after: after - right });
      // Punctuation joins the word before it.
      expect(compact(sequence)).toBe(compact(inputs.replace('[MASK]', token_str.replace(/^##/, ''))));
    }
    // The remaining text as a separate request.
    const kept = `${words(left)}[MASK] ${words(right)}`.trim();
    expect(scores(found)).toEqual(scores(await app.answer({ inputs: kept })));
  });

  it('keeps all masks, or reports that they are too far apart', async () => {
    const parameters = { truncation: true };
    const near = `${words(300)}[MASK] ${words(400)}[MASK] ${words(300)}`;
    const [[first] = [], [second] = []] = await app.answer<Prediction[][]>({ inputs: near, parameters });
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
      const found = await app.answer<Prediction[]>({ inputs, parameters: { truncation: true, targets } });
      expect(found).toHaveLength(targets.length);
      const { tokens_before = 0, tokens_after = 0 } = found[0]?.truncated ?? {};
      expect(1200 - tokens_before - tokens_after).toBe(kept);
    }
  });

  it('leaves a text that fits with its targets unchanged', async () => {
    const inputs = `${words(250)}[MASK] ${words(259)}`.trim();
    const parameters = { targets: ['dog', 'house'] };
    const plain = await app.answer<Prediction[]>({ inputs, parameters });
    expect(await app.answer({ inputs, parameters: { ...parameters, truncation: true } })).toEqual(plain);
    const far = { inputs: `[MASK] ${words(508)}[MASK]`, parameters: { truncation: true, targets: ['dog'] } };
    expect((await app.ask(far)).status).toBe(200);
    const further = await app.ask({ ...far, parameters: { truncation: true, targets: ['new york'] } });
    expect(await further.json()).toMatchObject({
      error: expect.stringMatching(/its masks span 513 tokens, and the model reads 512/),
    });
  });

  it('is part of the cache key, and so are the targets', async () => {
    const cold = freshApp();
    const inputs = `${words(700)}[MASK] of trees`;
    const targets = ['new york'];
    expect((await cold.ask({ inputs, parameters: { truncation: true } })).status).toBe(200);
    expect((await cold.ask({ inputs, parameters: { truncation: true, targets } })).status).toBe(200);
    expect((await cold.ask({ inputs })).status).toBe(422);
  });

  it('admits longer texts, up to a limit of its own', async () => {
    const parameters = { truncation: true };
    const long = `${words(3000)}[MASK] ${words(3000)}`;
    expect((await app.ask({ inputs: long })).status).toBe(422);
    expect((await app.ask({ inputs: long, parameters })).status).toBe(200);
    const refused = await app.ask({ inputs: `${words(7000)}[MASK]`, parameters });
    expect(await refused.json()).toMatchObject({ error_type: 'text_too_long', error: expect.stringMatching(/32768/) });
  });

  it('is cached with the numbers of removed tokens', async () => {
    const inputs = `${words(600)}[MASK] ${words(601)}`;
    const ask = () => freshApp().ask({ inputs, parameters: { truncation: true } });
    const first = await ask();
    const again = await ask();
    expect(again.headers.get('cache-status')).toMatch(/edge; hit/);
    expect(await again.text()).toBe(await first.text());
  });
});
