/**
 * Checkpoints that differ from the usual ones, over HTTP with both backends: a mask with a spelling of its own, and those of public bug
 * reports.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Built } from '../../models/bucket/built.ts';
import { addModel } from '../../models/commands/add.ts';
import { ANSWERED, ASKED, CASES3_FOLDER, CASES_FOLDER, REFUSED } from '../cases.ts';
import { postJson } from '../post-json.ts';
import { ENVIRONMENTS, type Served, serveModels } from './serve-models.ts';

const MODELS = join(import.meta.dirname, '../../models');
const BERT = join(import.meta.dirname, '../fixtures/families/bert');
/** Of a probability: int8 with random weights of few channels. */
const TOLERANCE = 0.1;
/** Of a score, which is a logarithm. */
const SCORE_TOLERANCE = 0.2;

const OWN_MASK = `own-mask-${process.pid}`;
let state: string;
/** By the name of the case. */
const added = new Map<string, Built>();

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const own = join(state, OWN_MASK);
  await cp(BERT, own, { recursive: true });
  const renamed = (await readFile(join(BERT, 'tokenizer.json'), 'utf8')).replaceAll('[MASK]', '<MASK>');
  await writeFile(join(own, 'tokenizer.json'), renamed);
  await writeFile(join(own, 'tokenizer_config.json'), JSON.stringify({ mask_token: '<MASK>' }));
  const reported = ANSWERED.map(([name]) => join(CASES_FOLDER, name));
  for (const folder of [own, ...reported, ...ASKED.map(([name]) => join(CASES3_FOLDER, name))]) {
    // Random weights lose more of their first choices than trained ones may.
    added.set(basename(folder), await addModel(folder, { force: true, backend: 'both' }, state));
  }
}, 300_000);
afterAll(async () => {
  await rm(state, { recursive: true });
  for (const { manifest } of added.values()) {
    await rm(join(MODELS, '.build', manifest.id), { recursive: true, force: true });
  }
});

describe.each(ENVIRONMENTS)('environment %s', (env) => {
  let served: Served;
  beforeAll(async () => {
    served = await serveModels([...added.values()], state, env);
  });
  afterAll(() => served[Symbol.asyncDispose]());
  const ask = (name: string, path: string, inputs: string) =>
    postJson(served.urlOf(added.get(name) as Built, path), { inputs });
  const tokensOf = async (name: string, text: string): Promise<number[]> => {
    const { tokens } = (await (await ask(name, '/tokenize', text)).json()) as { tokens: { token: number }[] };
    return tokens.map(({ token }) => token);
  };

  it('understands a mask that only this model spells so', async () => {
    const [usual, own] = await Promise.all(
      ['The [MASK] is old.', 'The <MASK> is old.'].map(async (text) =>
        (await ask(OWN_MASK, '/fill-mask', text)).json(),
      ),
    );
    expect(usual).toHaveLength(5);
    expect(own).toEqual(usual);
    for (const [path, text, error_type] of [
      ['/fill-mask', 'The mask is old.', 'no_mask'],
      ['/fill-mask', 'The <MASK> is [MASK].', 'mixed_masks'],
      ['/score', 'The <MASK> is old.', 'has_mask'],
    ] as const) {
      const response = await ask(OWN_MASK, path, text);
      expect([response.status, await response.json()]).toMatchObject([422, { error_type }]);
    }
    expect(await tokensOf(OWN_MASK, 'a <MASK>')).toEqual([2, expect.any(Number), 4, 3]);
  });

  it.each([...ANSWERED, ...ASKED])(
    'answers %s as transformers does',
    async (name, { text, ids, first, probability = NaN }) => {
      expect(await tokensOf(name, text)).toEqual(ids);
      const [best] = (await (await ask(name, '/fill-mask', text)).json()) as { token: number; score: number }[];
      expect(best?.token).toBe(first);
      expect(Math.abs((best?.score ?? NaN) - probability)).toBeLessThan(TOLERANCE);
    },
  );

  it.each(ASKED.filter(([, { requests }]) => requests))(
    'answers the requests of %s',
    async (name, { requests = [] }) => {
      for (const [path, body, statuses, part] of requests) {
        const response = await postJson(served.urlOf(added.get(name) as Built, path), body);
        expect(statuses).toContain(response.status);
        const answer: unknown = await response.json();
        const first: unknown = Array.isArray(answer) ? answer[0] : answer;
        expect(first).toMatchObject(response.ok && part !== '' ? part : {});
      }
    },
  );

  it.each(ASKED.filter(([, { scores }]) => scores))('scores the text of %s by its words', async (name, given) => {
    const { scored = '', scores = [] } = given;
    const answer = (await (await ask(name, '/score', scored)).json()) as { tokens: { score: number }[] };
    expect(answer.tokens).toHaveLength(scores.length);
    for (const [i, { score }] of answer.tokens.entries()) {
      expect(Math.abs(score - (scores[i] ?? NaN))).toBeLessThan(SCORE_TOLERANCE);
    }
  });
});

it.skipIf(!CASES_FOLDER)('has public reports to answer (skipped unless CASES names their folder)', () => {
  expect(ANSWERED.length).toBeGreaterThan(10);
  expect(REFUSED.length).toBeGreaterThan(3);
});

it.each(REFUSED)('refuses %s by name', async (name, { refuse }) => {
  await expect(addModel(join(CASES_FOLDER, name), { backend: 'both' }, state)).rejects.toThrow(refuse ?? '');
});
