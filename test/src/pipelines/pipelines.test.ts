/** The pipelines in Node, with a backend that a test makes up: answers, limits to the last token, and what each cache keeps. */
import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { packTokenizer } from '../../../models/tokenizer/pack.ts';
import { createCaches } from '../../../src/cache/caches.ts';
import type { CachePolicy } from '../../../src/cache/tiered-cache.ts';
import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import type { RequestError } from '../../../src/errors.ts';
import { resolveJson } from '../../../src/http/stream-json.ts';
import type { Encoding, Logits } from '../../../src/inference/backend.ts';
import { MAX_TARGET_LENGTH, MAX_TEXT_LENGTH, MAX_TOKENIZED, MAX_TRUNCATED_TEXT_LENGTH } from '../../../src/limits.ts';
import { costModelOf } from '../../../src/model/cost.ts';
import type { LoadedModel } from '../../../src/model/loaded-model.ts';
import type { Answered, PipelineContext } from '../../../src/pipelines/context.ts';
import { fillMask } from '../../../src/pipelines/fill-mask.ts';
import { score } from '../../../src/pipelines/score.ts';
import { classifyPairs } from '../../../src/pipelines/sentence.ts';
import { tokenize } from '../../../src/pipelines/tokenize.ts';
import type { Result } from '../../../src/result.ts';
import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import type { FillMaskQuestion } from '../../../src/schemas/questions.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { memory, policyWith } from '../cache/memory.ts';
import { wordPieceJson } from '../tokenizer/small-tokenizers.ts';

const PIECES = (mask: string) => `[PAD] [UNK] [CLS] [SEP] ${mask} walk ##ing i love a b !`.split(' ');
const [CLS, SEP, MASK, WALK, ING, I, LOVE, A, B] = [2, 3, 4, 5, 6, 7, 8, 9, 10];
const V = 12;
const TOKENS = 16;

/** Logits that differ for each text, place and piece. */
const logit = (ids: readonly number[], position: number, piece: number): number =>
  3 * Math.sin(piece * 1.7 + position + ids.reduce((sum, id, i) => sum + id * (i + 1) * 0.37, 0));
/** The natural logarithms of the probabilities at a place. */
function logsAt(ids: readonly number[], position: number): number[] {
  const logits = Array.from({ length: V }, (_, piece) => logit(ids, position, piece));
  const total = Math.log(logits.reduce((sum, one) => sum + Math.exp(one), 0));
  return logits.map((one) => one - total);
}
function bestAt(ids: readonly number[], position: number, top_k: number) {
  const logs = logsAt(ids, position);
  return [...logs.keys()].toSorted((a, b) => Number(logs[b]) - Number(logs[a])).slice(0, top_k);
}

const ARCHITECTURE = {
  family: 'bert',
  vocab_size: V,
  embedding_size: 8,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  max_position_embeddings: TOKENS,
} as const;

interface Setting {
  readonly mask?: string;
  readonly heads?: readonly string[];
  readonly max_work?: number;
  readonly sentence?: readonly number[];
  /** Whether the tokenizer finds only masks that are words of their own. */
  readonly single_word?: boolean;
}

/** A model, and how often it was loaded and run. */
function made({
  mask = '[MASK]',
  heads = ['mlm', 'sop'],
  max_work = 1e9,
  sentence = [1, 3],
  single_word = false,
}: Setting = {}) {
  const special_tokens = { mask: { id: MASK, token: mask }, unk: { id: 1, token: '[UNK]' } };
  const json = wordPieceJson(PIECES(mask));
  const added_tokens = json.added_tokens.map((token) => ({ ...token, single_word }));
  const tokenizer = createTokenizer(packTokenizer({ ...json, added_tokens }), special_tokens);
  const manifest = { id: 'm', revision: '1', architecture: ARCHITECTURE, special_tokens, heads };
  const log = { tokenizers: 0, models: 0, runs: [] as number[][] };
  const run = async (batch: readonly Encoding[]): Promise<Logits[]> => {
    // Others come before the end.
    await setImmediate();
    return batch.map(({ input_ids, masked_positions }) => {
      const ids = [...input_ids];
      log.runs.push(ids);
      const rows = Array.from(masked_positions, (at) => Array.from({ length: V }, (_, piece) => logit(ids, at, piece)));
      const totals = rows.map((row) => Math.log(row.reduce((sum, one) => sum + Math.exp(one), 0)));
      return {
        mlm: Float32Array.from(rows.flat()),
        log_sum_exp: Float64Array.from(totals),
        sentence: Float32Array.from(sentence),
      };
    });
  };
  const queue = new RunQueue({ max_work: 1e9, slice: 1e9, lease_ms: 10_000, patience_ms: 10_000 });
  const model = { manifest, tokenizer, backend: { run }, queue, max_work } as unknown as LoadedModel;
  const contextWith = (
    policy: CachePolicy,
    caches = createCaches(),
    signal = AbortSignal.any([]),
  ): PipelineContext => ({
    model: 'm@1',
    numerics: 'n',
    partition: '',
    loadTokenizer: async () => (log.tokenizers++, model),
    loadModel: async () => (log.models++, model),
    caches,
    policy,
    signal,
  });
  return { log, contextWith };
}

const question = (texts: string | readonly string[], more: Partial<FillMaskQuestion> = {}): FillMaskQuestion => ({
  texts: [texts].flat(),
  isList: typeof texts !== 'string',
  top_k: 3,
  strategy: 'independent',
  return_offsets: false,
  truncation: false,
  max_answer_bytes: 10_000,
  ...more,
});
/** A request that shares nothing with others. */
async function ask(asked: FillMaskQuestion, setting: Setting = {}) {
  const { contextWith, log } = made(setting);
  return { log, result: shown(await fillMask(asked, contextWith(policyWith(undefined).policy))) };
}

type Answer = Awaited<ReturnType<typeof fillMask>>;
const valueOf = <T>(result: Result<T, unknown>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
type Shown = Partial<Answered<Prediction[][][]> & { error: RequestError }>;
/** The lists are made when they are written. */
const shown = (result: Answer): Shown =>
  result.ok
    ? {
        ...result.value,
        answers: result.value.answers.map(({ lists }) => lists.map((list) => resolveJson(list) as Prediction[])),
      }
    : { error: result.error };
const words = (n: number, more = '') => `${'a '.repeat(n)}${more}`.trim();

const errorOf = async (asked: FillMaskQuestion) => (await ask(asked)).result.error;
const padded = (n: number) => `[MASK]${' '.repeat(n - 6)}`;
const masksOf = (n: number) => '[MASK]'.repeat(n);
const classify = (pairs: { text: string; text_pair: string }[], setting: Setting = {}, isList = true) =>
  classifyPairs({ head: 'sop', pairs, isList }, made(setting).contextWith(policyWith(undefined).policy));
const tokensOf = (texts: string[], isList = true) =>
  tokenize({ texts, isList }, made().contextWith(policyWith(undefined).policy));

describe('masks', () => {
  const text = 'i [MASK] a [MASK]';
  const ids = [CLS, I, MASK, A, MASK, SEP];

  it('are answered by the best pieces of each, which stand in the text', async () => {
    const { result, log } = await ask(question(text));
    expect(result.answers?.[0]?.map((list) => list.map(({ token }) => token))).toEqual([
      bestAt(ids, 2, 3),
      bestAt(ids, 4, 3),
    ]);
    const [first] = result.answers?.[0]?.[1] ?? [];
    expect(first?.score).toBeCloseTo(Math.exp(Math.max(...logsAt(ids, 4))), 6);
    expect(result).toMatchObject({
      work: { texts: 1, tokens: 6, masks: 2 },
      cached: { isolate: 0, edge: 0, computed: 1, age_s: 0, stored: { isolate: 1, edge: 0 } },
    });
    expect(log).toMatchObject({ tokenizers: 1, models: 1, runs: [ids] });
    expect(result.work?.load_ms).toBeLessThan(10_000);
    expect(result.work?.infer_ms).toBeLessThan(10_000);
    expect(result.work?.infer_ms).toBeGreaterThanOrEqual(0);
  });

  it.each<[string, Partial<FillMaskQuestion>]>([
    ['independent', {}],
    ['joint', { strategy: 'joint', num_beams: 3 }],
    ['with targets', { targets: ['love', 'walking'] }],
    ['truncated', { truncation: true, return_offsets: true }],
  ])('%s are computed once, then answered by the isolate, and elsewhere by the edge', async (_, more) => {
    const { contextWith, log } = made();
    const { cache } = memory();
    const asked = question([text, `${words(30)} [MASK]`, text].slice(0, more.truncation ? 3 : 1), more);
    const here = createCaches();
    const [cold, warm, other, otherWarm] = [policyWith(cache), policyWith(cache), policyWith(cache), policyWith(cache)];
    const first = shown(await fillMask(asked, contextWith(cold.policy, here)));
    await Promise.all(cold.later);
    const distinct = new Set(asked.texts).size;
    expect(first.cached).toMatchObject({ computed: distinct, stored: { isolate: distinct, edge: distinct } });
    const before = structuredClone(log);
    const second = shown(await fillMask(asked, contextWith(warm.policy, here)));
    expect(second.answers).toEqual(first.answers);
    expect(second.cached).toMatchObject({ isolate: distinct, edge: 0, computed: 0, stored: { isolate: 0, edge: 0 } });
    const there = createCaches();
    const third = shown(await fillMask(asked, contextWith(other.policy, there)));
    expect(third.answers).toEqual(first.answers);
    expect(third.cached).toMatchObject({ isolate: 0, edge: distinct, computed: 0 });
    const fourth = shown(await fillMask(asked, contextWith(otherWarm.policy, there)));
    expect(fourth.cached).toMatchObject({ isolate: distinct, edge: 0, computed: 0 });
    expect(fourth.answers).toEqual(first.answers);
    expect(log).toEqual(before);
  });

  it.each([
    [
      { read: false, write: true },
      { computed: 1, stored: { isolate: 1, edge: 1 } },
    ],
    [
      { read: true, write: false },
      { edge: 1, computed: 0, stored: { isolate: 0, edge: 0 } },
    ],
    [
      { read: false, write: false },
      { computed: 1, stored: { isolate: 0, edge: 0 } },
    ],
  ])('of a request that may %j are cached so', async (more, cached) => {
    const { contextWith } = made();
    const { cache, stored } = memory();
    const cold = policyWith(cache);
    await fillMask(question(text), contextWith(cold.policy));
    await Promise.all(cold.later);
    const size = stored.size;
    const caches = createCaches();
    const { policy } = policyWith(cache, more);
    expect(shown(await fillMask(question(text), contextWith(policy, caches))).cached).toMatchObject(cached);
    expect(caches.encodings.usage.entries).toBe(more.write ? 1 : 0);
    expect(caches.predictions.cache.isolate.usage.entries).toBe(more.write ? 1 : 0);
    expect(stored.size).toBe(size);
  });

  it('of texts that only the tokenizer cannot tell apart are computed once', async () => {
    const { result, log } = await ask(question(['i [MASK]', 'I  [MASK]']));
    expect(log.runs).toHaveLength(1);
    expect(result.answers?.[1]?.[0]?.[0]?.sequence).toMatch(/^I {2}/);
    expect(result.cached).toMatchObject({ computed: 2, stored: { isolate: 2 } });
  });

  it('of a text in another spelling come from the isolate, and are not said to be stored again', async () => {
    const { contextWith } = made();
    const caches = createCaches();
    const answersOf = async (asked: string) =>
      shown(await fillMask(question(asked), contextWith(policyWith(undefined).policy, caches))).cached;
    expect(await answersOf('i [MASK]')).toMatchObject({ computed: 1, stored: { isolate: 1 } });
    expect(await answersOf('I  [MASK]')).toMatchObject({ isolate: 1, computed: 0, stored: { isolate: 0 } });
  });

  it('that the model spells in its own way are found by its tokenizer, then by the cache', async () => {
    const { contextWith, log } = made({ mask: '<m>' });
    const { cache } = memory();
    const [cold, warm, other] = [policyWith(cache), policyWith(cache), policyWith(cache)];
    const caches = createCaches();
    const asked = question(['i <m> a', 'i [MASK] b']);
    const first = shown(await fillMask(asked, contextWith(cold.policy, caches)));
    await Promise.all(cold.later);
    expect(first.answers?.[0]?.[0]?.map(({ token }) => token)).toEqual(bestAt([CLS, I, MASK, A, SEP], 2, 3));
    const before = structuredClone(log);
    expect(shown(await fillMask(asked, contextWith(warm.policy, caches))).answers).toEqual(first.answers);
    expect(shown(await fillMask(asked, contextWith(other.policy))).answers).toEqual(first.answers);
    expect(log).toEqual(before);
    const { policy } = policyWith(undefined);
    expect(await fillMask(question(['i <m>', 'i']), contextWith(policy))).toEqual({
      ok: false,
      error: { reason: 'no_mask', index: 1 },
    });
    expect(await fillMask(question('[MASK] <m>'), contextWith(policy))).toMatchObject({
      error: { reason: 'mixed_masks' },
    });
  });

  it('join the word before them where they continue it, or close a sentence', async () => {
    const { result } = await ask(question('i [MASK] b', { top_k: V }));
    const sequences = new Map(result.answers?.[0]?.[0]?.map(({ token, sequence }) => [token, sequence]));
    expect([ING, V - 1, A, WALK].map((token) => sequences.get(token))).toEqual(['iing b', 'i! b', 'i a b', 'i walk b']);
    const joint = await ask(question('i [MASK] [MASK]', { strategy: 'joint', num_beams: V * V, top_k: 100 }));
    const all = joint.result.answers?.[0]?.[0] ?? [];
    for (const [second, end] of [
      [ING, /\Sing$/],
      [V - 1, /\S!$/],
      [A, / a$/],
    ] as const) {
      const found = all.filter(({ token_ids }) => token_ids?.[1] === second);
      expect(found).not.toHaveLength(0);
      for (const { sequence } of found) expect(sequence).toMatch(end);
    }
  });

  it('that the tokenizer reads as something else are refused by name, and their tokens are shown', async () => {
    const { contextWith } = made({ single_word: true });
    const { policy } = policyWith(undefined);
    for (const [inputs, error] of [
      ['a[MASK] i', { reason: 'masks_not_found', index: undefined, found: 0, masks: 1 }],
      [['i [MASK]', '[MASK] i[MASK]'], { reason: 'masks_not_found', index: 1, found: 1, masks: 2 }],
    ] as const) {
      expect(await fillMask(question(inputs as string | string[]), contextWith(policy))).toEqual({ ok: false, error });
    }
    const shownTokens = await tokenize({ texts: ['a[MASK] i'], isList: false }, contextWith(policy));
    expect(shownTokens).toMatchObject({ ok: true });
    expect(await fillMask(question('i [MASK] a'), contextWith(policy))).toMatchObject({ ok: true });
  });

  it('of a search are filled together, by the better of both orders', async () => {
    const { result } = await ask(question(text, { strategy: 'joint', num_beams: V * V, top_k: 5 }));
    const all = new Map<string, number>();
    for (const [one, two] of [
      [2, 4],
      [4, 2],
    ] as const) {
      for (const [a, before] of logsAt(ids, one).entries()) {
        for (const [b, after] of logsAt(ids.with(one, a), two).entries()) {
          const key = one === 2 ? `${a} ${b}` : `${b} ${a}`;
          all.set(key, Math.max(all.get(key) ?? -Infinity, before + after));
        }
      }
    }
    const best = [...all].toSorted(([, a], [, b]) => b - a).slice(0, 5);
    const [list = []] = result.answers?.[0] ?? [];
    expect(list.map(({ token_ids }) => token_ids?.join(' '))).toEqual(best.map(([key]) => key));
    expect(list[0]?.score).toBeCloseTo(Math.exp(best[0]?.[1] ?? NaN), 6);
    expect(list[0]?.token).toBe(list[0]?.token_ids?.[0]);
    expect(result.answers?.[0]).toHaveLength(1);
  });

  it('with targets are answered by the product of the pieces of each', async () => {
    const { result } = await ask(question('i [MASK] a', { targets: ['love', 'walking'] }));
    const one = [CLS, I, MASK, A, SEP];
    const two = [CLS, I, MASK, MASK, A, SEP];
    const scores = new Map([
      [LOVE, Math.exp(Number(logsAt(one, 2)[LOVE]))],
      [WALK, Math.exp(Number(logsAt(two, 2)[WALK]) + Number(logsAt(two.with(2, WALK), 3)[ING]))],
    ]);
    const [list = []] = result.answers?.[0] ?? [];
    expect(list.map(({ token }) => token)).toEqual(
      [...scores.keys()].toSorted((a, b) => Number(scores.get(b)) - Number(scores.get(a))),
    );
    for (const { token, score: found } of list) expect(found).toBeCloseTo(Number(scores.get(token)), 6);
    expect(list.find(({ token }) => token === WALK)).toMatchObject({
      token_ids: [WALK, ING],
      token_str: 'walking',
      target: 'walking',
      sequence: 'i walking a',
    });
    expect(list.find(({ token }) => token === LOVE)).not.toHaveProperty('token_ids');
    expect(result.work).toMatchObject({ texts: 1, tokens: 5 + 6 + 6, masks: 3 });
  });

  it('with targets name each as it was sent, of several with the same pieces the first', async () => {
    const { result } = await ask(question('i [MASK] a', { targets: [' LOVE', '##ing', 'love'] }));
    const [list = []] = result.answers?.[0] ?? [];
    expect(new Map(list.map(({ token, target }) => [token, target]))).toEqual(
      new Map([
        [LOVE, ' LOVE'],
        [ING, '##ing'],
      ]),
    );
    const { result: other } = await ask(question('i [MASK] a'));
    expect(other.answers?.[0]?.[0]?.[0]).not.toHaveProperty('target');
  });
});

describe('limits of fill-mask', () => {
  it('of tokens hold to the last one', async () => {
    expect(await errorOf(question(words(TOKENS - 3, '[MASK]')))).toBeUndefined();
    const [tokens, limit] = [TOKENS + 1, TOKENS];
    expect(await errorOf(question(words(TOKENS - 2, '[MASK]')))).toEqual({
      reason: 'too_many_tokens',
      index: undefined,
      tokens,
      limit,
    });
    expect(await errorOf(question(['[MASK]', words(TOKENS - 2, '[MASK]')]))).toEqual({
      reason: 'too_many_tokens',
      index: 1,
      tokens,
      limit,
    });
    // A target of two pieces needs a token more.
    const targets = ['walking'];
    expect(await errorOf(question(words(TOKENS - 4, '[MASK]'), { targets }))).toBeUndefined();
    expect(await errorOf(question([words(TOKENS - 3, '[MASK]')], { targets }))).toEqual({
      reason: 'too_many_tokens',
      index: 0,
      tokens,
      limit,
    });
  });

  it('of tokens cut a text where that is wanted, and leave room for the targets', async () => {
    const cutOf = async (n: number, more: Partial<FillMaskQuestion> = {}) => {
      const { result, log } = await ask(question(`${words(n)} [MASK]`, { truncation: true, ...more }));
      return [log.runs[0]?.length, result.answers?.[0]?.[0]?.[0]?.truncated?.tokens_before];
    };
    expect(await cutOf(3)).toEqual([6, undefined]);
    expect(await cutOf(TOKENS - 3)).toEqual([TOKENS, undefined]);
    expect(await cutOf(TOKENS - 2)).toEqual([TOKENS, 1]);
    expect(await cutOf(TOKENS - 3, { targets: ['love'] })).toEqual([TOKENS, undefined]);
    expect(await cutOf(TOKENS - 4, { targets: ['walking'] })).toEqual([TOKENS, undefined]);
    expect(await cutOf(TOKENS - 3, { targets: ['walking'] })).toEqual([TOKENS, 1]);
    expect(
      await errorOf(question(`[MASK] ${words(TOKENS)} [MASK]`, { truncation: true, targets: ['walking'] })),
    ).toEqual({
      reason: 'masks_too_far_apart',
      index: undefined,
      tokens: TOKENS + 2 + 2 + 1,
      limit: TOKENS,
    });
  });

  it('of characters hold to the last one', async () => {
    const room = { max_answer_bytes: 1e6 };
    expect(await errorOf(question(padded(MAX_TEXT_LENGTH), room))).toBeUndefined();
    expect(await errorOf(question(padded(MAX_TEXT_LENGTH + 1), room))).toEqual({
      reason: 'text_too_long',
      index: undefined,
      length: MAX_TEXT_LENGTH + 1,
      limit: MAX_TEXT_LENGTH,
    });
    expect(await errorOf(question(padded(MAX_TRUNCATED_TEXT_LENGTH), { ...room, truncation: true }))).toBeUndefined();
    expect(await errorOf(question(padded(MAX_TRUNCATED_TEXT_LENGTH + 1), { ...room, truncation: true }))).toEqual({
      reason: 'text_too_long',
      index: undefined,
      length: MAX_TRUNCATED_TEXT_LENGTH + 1,
      limit: MAX_TRUNCATED_TEXT_LENGTH,
    });
    expect(
      await errorOf(question('[MASK]', { targets: ['a'.repeat(1), ' '.repeat(MAX_TARGET_LENGTH - 1) + 'a'] })),
    ).toBeUndefined();
    const target = `${' '.repeat(MAX_TARGET_LENGTH)}a`;
    const size = MAX_TARGET_LENGTH + 1;
    expect(await errorOf(question('[MASK]', { targets: ['a', target] }))).toEqual({
      reason: 'target_too_long',
      target,
      in: 'characters',
      size,
      limit: MAX_TARGET_LENGTH,
    });
  });

  it('of masks and of the answer hold to the last one', async () => {
    const one = { top_k: 1 };
    expect(await errorOf(question(words(TOKENS - 2, '').replaceAll('a', '[MASK]'), one))).toBeUndefined();
    expect(await errorOf(question(masksOf(17), one))).toEqual({
      reason: 'too_many_masks',
      index: undefined,
      masks: 17,
      limit: 16,
    });
    // Two masks of 12 characters, three candidates each.
    expect(await errorOf(question(masksOf(2), { max_answer_bytes: 72 }))).toBeUndefined();
    expect(await errorOf(question(masksOf(2), { max_answer_bytes: 71 }))).toEqual({
      reason: 'answer_too_large',
      bytes: 72,
      limit: 71,
    });
    expect(
      await errorOf(question(masksOf(2), { max_answer_bytes: 36, strategy: 'joint', num_beams: 3 })),
    ).toBeUndefined();
    expect(await errorOf(question([masksOf(1), masksOf(2)], { max_answer_bytes: 89 }))).toEqual({
      reason: 'answer_too_large',
      bytes: 90,
      limit: 89,
    });
    // JSON escapes a character to six bytes, and writes another in three.
    const escaped = question('[MASK]\u0001語', { top_k: 1, max_answer_bytes: 15 });
    expect(await errorOf(escaped)).toBeUndefined();
    expect(await errorOf({ ...escaped, max_answer_bytes: 14 })).toEqual({
      reason: 'answer_too_large',
      bytes: 15,
      limit: 14,
    });
  });

  it.each<[Partial<FillMaskQuestion>, object | undefined]>([
    [{ strategy: 'joint', num_beams: 3 }, undefined],
    [
      { strategy: 'joint', num_beams: 2 },
      { between: 'top_k_and_num_beams', top_k: 3, num_beams: 2 },
    ],
    [{ strategy: 'joint', targets: ['a'] }, { between: 'joint_and_targets' }],
    [{ num_beams: 8 }, { between: 'num_beams_and_independent' }],
  ])('of parameters together: %j', async (more, conflict) => {
    const error = conflict && { reason: 'conflicting_parameters', conflict };
    expect(await errorOf(question('[MASK]', more))).toEqual(error);
  });

  it('of work add up over the runs of all targets', async () => {
    const asked = question('i [MASK] a', { targets: ['love', 'walking'] });
    const { text } = costModelOf(ARCHITECTURE);
    const work = text(5, 1) + 2 * text(6, 1);
    expect((await ask(asked, { max_work: work })).result).not.toHaveProperty('error');
    const limit = work - 1;
    expect((await ask(asked, { max_work: limit })).result.error).toEqual({
      reason: 'too_much_work',
      by: 'targets',
      work,
      limit,
    });
  });

  it.each<[string, Partial<FillMaskQuestion>]>([
    ['texts', {}],
    ['targets', { targets: ['love', 'walking'] }],
    ['search', { strategy: 'joint', num_beams: 3 }],
  ])('of work hold to the last multiply-add for %s', async (by, more) => {
    const asked = question('i [MASK] a [MASK]', more);
    const { result } = await ask(asked, { max_work: 1 });
    const work = (result.error as { work?: number } | undefined)?.work ?? NaN;
    expect(result.error).toMatchObject({ reason: 'too_much_work', by, limit: 1 });
    if (by === 'targets') return;
    expect((await ask(asked, { max_work: work })).result).not.toHaveProperty('error');
    expect((await ask(asked, { max_work: work - 1 })).result.error).toMatchObject({ work, limit: work - 1 });
  });
});

it('a client that leaves while answers are looked up loads no model', async () => {
  const { contextWith, log } = made();
  const controller = new AbortController();
  const { cache } = memory();
  const match = async () => {
    controller.abort(new Error('left'));
    return undefined;
  };
  const leaving = { ...cache, match };
  const context = contextWith(policyWith(leaving).policy, createCaches(), controller.signal);
  await expect(score({ texts: ['a'], isList: true, metric: 'original' }, context)).rejects.toThrow('left');
  expect(log.models).toBe(0);
});

it('what a request that stores nothing computed is stored by one that waited for it', async () => {
  const { contextWith, log } = made();
  const caches = createCaches();
  const unwritten = policyWith(undefined, { write: false });
  const written = policyWith(undefined);
  const asked = { texts: ['a'], isList: true, metric: 'original' } as const;
  // Each waits for the other, since either may be the first to have its key.
  const both = Promise.withResolvers<void>();
  let loading = 0;
  const meet = (context: PipelineContext): PipelineContext => ({
    ...context,
    loadModel: async () => {
      if (++loading === 2) both.resolve();
      await both.promise;
      return context.loadModel();
    },
  });
  const [first, second] = await Promise.all(
    [unwritten, written].map(async ({ policy }) => valueOf(await score(asked, meet(contextWith(policy, caches))))),
  );
  expect(log.runs).toHaveLength(1);
  expect(second?.answers).toEqual(first?.answers);
  expect([first?.cached.stored.isolate, second?.cached.stored.isolate]).toEqual([0, 1]);
});

describe('a score', () => {
  const { contextWith } = made();
  const scoreOf = (texts: string[], metric: 'original' | 'within_word_l2r' = 'original', isList = true) =>
    score({ texts, isList, metric }, contextWith(policyWith(undefined).policy));

  it.each([
    ['original', [[1], [2], [3], [4]]],
    ['within_word_l2r', [[1], [2, 3], [3], [4]]],
  ] as const)('%s is the sum over the tokens, each masked', async (metric, masked) => {
    const { answers, work, cached } = valueOf(await scoreOf(['i walking a'], metric));
    const ids = [CLS, I, WALK, ING, A, SEP];
    const logs = masked.map((places) => {
      const hidden = ids.map((id, i) => ((places as readonly number[]).includes(i) ? MASK : id));
      return Number(logsAt(hidden, places[0])[Number(ids[places[0]])]);
    });
    expect(answers[0]?.score).toBeCloseTo(
      logs.reduce((a, b) => a + b),
      5,
    );
    expect(answers[0]?.tokens.map(({ token, token_str, offsets }) => [token, token_str, offsets.utf16])).toEqual([
      [I, 'i', [0, 1]],
      [WALK, 'walk', [2, 6]],
      [ING, expect.stringContaining('ing'), [6, 9]],
      [A, 'a', [10, 11]],
    ]);
    for (const [i, one] of answers[0]?.tokens.entries() ?? []) expect(one.score).toBeCloseTo(Number(logs[i]), 5);
    expect(work).toMatchObject({ texts: 1, tokens: 4 * 6, masks: 4 });
    expect(cached).toMatchObject({ computed: 1, stored: { isolate: 1 } });
  });

  it('of several texts is that of each, and equal ones are computed once', async () => {
    const { answers, work } = valueOf(await scoreOf(['a b', 'b', 'a b']));
    expect(answers[2]).toEqual(answers[0]);
    expect(answers[1]).toEqual(valueOf(await scoreOf(['b'])).answers[0]);
    expect(work.texts).toBe(2);
  });

  it('costs a run of the whole text for each of its tokens, to the last multiply-add', async () => {
    const work = 3 * costModelOf(ARCHITECTURE).text(5, 1);
    const asked = { texts: ['a b i'], isList: false, metric: 'original' } as const;
    const [enough, little] = [work, work - 1].map((max_work) =>
      score(asked, made({ max_work }).contextWith(policyWith(undefined).policy)),
    );
    expect(await enough).toMatchObject({ ok: true });
    expect(await little).toEqual({
      ok: false,
      error: { reason: 'too_much_work', by: 'score', work, limit: work - 1 },
    });
  });

  it('is refused for masks, for nothing, and for one token too many', async () => {
    const [tokens, limit] = [TOKENS + 1, TOKENS];
    expect((await scoreOf([words(TOKENS - 2)])).ok).toBe(true);
    const errors = [
      [['a', words(TOKENS - 1)], { reason: 'too_many_tokens', index: 1, tokens, limit }],
      [['a', 'i [MASK]'], { reason: 'has_mask', index: 1 }],
      [['a', ' '], { reason: 'no_tokens', index: 1 }],
      [['a'.repeat(MAX_TEXT_LENGTH + 1)], { reason: 'text_too_long', index: 0, length: 4097, limit: 4096 }],
    ] as const;
    for (const [texts, error] of errors) expect(await scoreOf([...texts])).toEqual({ ok: false, error });
    expect(await scoreOf([words(TOKENS - 1)], 'original', false)).toMatchObject({ error: { index: undefined } });
    const own = made({ mask: '<m>' }).contextWith(policyWith(undefined).policy);
    expect(await score({ texts: ['a <m>'], isList: true, metric: 'original' }, own)).toMatchObject({
      error: { reason: 'has_mask', index: 0 },
    });
  });
});

describe('a pair', () => {
  const pair = { text: 'a', text_pair: 'b' };
  const p = 1 / (1 + Math.exp(-2));

  it.each([
    [
      [1, 3],
      [
        ['swapped', p],
        ['in_order', 1 - p],
      ],
    ],
    [
      [3, 1],
      [
        ['in_order', p],
        ['swapped', 1 - p],
      ],
    ],
  ])('with the logits %j has both labels, the more likely first', async (sentence, expected) => {
    const { answers, work, cached } = valueOf(await classify([pair, pair], { sentence }));
    expect(answers[0]).toEqual(expected.map(([label, one]) => ({ label, score: expect.closeTo(Number(one), 9) })));
    expect(answers[1]).toEqual(answers[0]);
    expect(work).toMatchObject({ texts: 1, tokens: 5, masks: 0 });
    expect(cached).toMatchObject({ computed: 1, stored: { isolate: 1 } });
  });

  it('is refused without the head, and with one token too many', async () => {
    const [tokens, limit] = [TOKENS + 1, TOKENS];
    expect(await classify([pair], { heads: ['mlm', 'nsp'] })).toEqual({
      ok: false,
      error: { reason: 'no_such_head', head: 'sop', model: 'm@1' },
    });
    expect((await classify([{ text: words(TOKENS - 4), text_pair: 'b' }])).ok).toBe(true);
    const long = { text: words(TOKENS - 3), text_pair: 'b' };
    expect(await classify([pair, long])).toEqual({
      ok: false,
      error: { reason: 'too_many_tokens', index: 1, tokens, limit },
    });
    expect(await classify([long], {}, false)).toMatchObject({ error: { index: undefined } });
    const half = 'a'.repeat(MAX_TEXT_LENGTH / 2);
    expect(await classify([{ text: half, text_pair: `${half}a` }])).toMatchObject({
      error: { reason: 'text_too_long' },
    });
  });

  it.each([[[NaN, 1]], [[1]], [[Infinity, 1]]])('with the logits %j is no answer', async (sentence) => {
    await expect(classify([pair], { sentence })).rejects.toThrow('the sentence head are not finite');
  });
});

describe('tokens', () => {
  it('have their piece and their place, and the special ones are named', async () => {
    const [{ tokens } = { tokens: [] }] = valueOf(await tokensOf(['i walking [MASK]']));
    expect(tokens.map(({ token, piece, special, offsets }) => [token, piece, special, offsets.utf16])).toEqual([
      [CLS, '[CLS]', true, [0, 0]],
      [I, 'i', false, [0, 1]],
      [WALK, 'walk', false, [2, 6]],
      [ING, '##ing', false, [6, 9]],
      [MASK, '[MASK]', false, [10, 16]],
      [SEP, '[SEP]', true, expect.anything()],
    ]);
  });

  it('may be as many as the limit, and no more', async () => {
    const most = Array.from({ length: 32 }, () => words(510));
    expect((await tokensOf(most)).ok).toBe(true);
    expect(await tokensOf(most.with(31, words(511)))).toEqual({
      ok: false,
      error: { reason: 'too_many_tokens_in_all', tokens: MAX_TOKENIZED + 1, limit: MAX_TOKENIZED },
    });
    expect(await tokensOf(['a'.repeat(MAX_TEXT_LENGTH + 1)], false)).toMatchObject({
      error: { reason: 'text_too_long', index: undefined },
    });
  });
});

it('a piece of the vocabulary has the number that the tests give it', () => {
  expect(PIECES('[MASK]').indexOf('b')).toBe(B);
});
