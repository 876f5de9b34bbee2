/** From an id of the Hub to a served model, as in models/README.md, for a checkpoint of each family. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Built } from '../../models/bucket/built.ts';
import { addModel } from '../../models/commands/add.ts';
import { pulledFolder } from '../../models/hub/source.ts';
import { type HubServer, startHub } from '../models/hub/hub-server.ts';
import { ENVIRONMENTS, withModel } from './with-model.ts';

const ROOT = join(import.meta.dirname, '../..');
const MODELS = join(ROOT, 'models');
const FIXTURES = join(ROOT, 'test/fixtures/families');
/** Of a probability: int8 with random weights of 32 channels. */
const SENTENCE_TOLERANCE = 0.15;

/** The part of the record of families.py that this test reads. */
interface Golden {
  readonly cases: readonly { text: string; input_ids: number[]; offsets: [number, number][] }[];
  readonly pairs: readonly { text: string; text_pair: string; sentence_logits?: [number, number] }[];
}

async function post(url: URL, path: string, body: unknown): Promise<{ status: number; answer: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, answer: await response.json() };
}

/** Ids and offsets equal those of transformers; a sentence head gives in int8 what it gives in float32, or is absent. */
async function expectPairsAndTokens(url: URL, fixture: string, heads: readonly string[]): Promise<void> {
  const golden = JSON.parse(await readFile(join(FIXTURES, fixture, 'golden.json'), 'utf8')) as Golden;
  for (const { text, input_ids, offsets } of golden.cases.slice(0, 20)) {
    const { answer } = await post(url, '/tokenize', { inputs: text });
    const { tokens } = answer as { tokens: { token: number; offsets: { code_points: [number, number] } }[] };
    expect(tokens.map(({ token }) => token)).toEqual(input_ids);
    expect(tokens.map((token) => token.offsets.code_points)).toEqual(offsets);
  }
  const pairs = golden.pairs.filter(({ text, text_pair }) => text && text_pair);
  const inputs = pairs.map(({ text, text_pair }) => ({ text, text_pair }));
  for (const [head, path, labels] of [
    ['sop', '/sentence-order', ['in_order', 'swapped']],
    ['nsp', '/next-sentence', ['is_next', 'not_next']],
  ] as const) {
    const { status, answer } = await post(url, path, { inputs });
    const isThere = heads.includes(head);
    expect({ status, answer }).toMatchObject(
      isThere ? { status: 200 } : { status: 422, answer: { error_type: 'no_such_head' } },
    );
    for (const [i, judged] of (isThere ? (answer as { label: string; score: number }[][]) : []).entries()) {
      const [first = NaN, second = NaN] = pairs[i]?.sentence_logits ?? [];
      const expected = 1 / (1 + Math.exp(second - first));
      const found = judged.find(({ label }) => label === labels[0])?.score ?? NaN;
      expect(Math.abs(found - expected), JSON.stringify(inputs[i])).toBeLessThan(SENTENCE_TOLERANCE);
    }
  }
}

let hub: HubServer;
let state: string;

beforeAll(async () => {
  hub = await startHub();
  process.env['HF_ENDPOINT'] = hub.endpoint;
  state = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(async () => {
  delete process.env['HF_ENDPOINT'];
  await hub[Symbol.asyncDispose]();
  await rm(state, { recursive: true });
});

describe.each([
  { family: 'albert', fixture: 'albert', heads: ['mlm', 'sop'], mask: '[MASK]' },
  { family: 'bert', fixture: 'bert', heads: ['mlm', 'nsp'], mask: '[MASK]' },
  { family: 'roberta', fixture: 'roberta', heads: ['mlm'], mask: '<mask>' },
  { family: 'distilbert', fixture: 'distilbert', heads: ['mlm'], mask: '[MASK]' },
  { family: 'electra', fixture: 'electra', heads: ['mlm'], mask: '[MASK]' },
  { family: 'camembert', fixture: 'camembert', heads: ['mlm'], mask: '<mask>' },
  { family: 'xlm-roberta', fixture: 'xlm-roberta', heads: ['mlm'], mask: '<mask>' },
])('a $family from the Hub, $fixture', ({ family, fixture, heads, mask }) => {
  const id = `add-test-${process.pid}-${fixture}`;
  // The graphs of all families are compared in test/models/families.test.ts, with the same onnxruntime-web.
  const isServedByBoth = ['albert', 'roberta', 'electra'].includes(fixture);
  const environments = ENVIRONMENTS.slice(0, isServedByBoth ? 2 : 1);
  const backend = isServedByBoth ? 'both' : 'engine';
  let built: Built;

  beforeAll(async () => {
    const folder = join(FIXTURES, fixture);
    const names = (await readdir(folder)).filter((name) => name !== 'golden.json');
    const files = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))] as const)),
    );
    hub.models.push({ name: `somebody/${fixture}`, commit: '1'.repeat(40), files, card: { license: 'mit' } });
    // Random weights lose more of their first choices than trained ones may.
    built = await addModel(`somebody/${fixture}`, { id, force: true, backend }, state);
  });
  afterAll(async () => {
    await rm(pulledFolder(MODELS, id), { recursive: true, force: true });
    await rm(join(MODELS, '.build', id), { recursive: true, force: true });
  });

  it('is served, and described', async () => {
    const { manifest } = built;
    expect(manifest).toMatchObject({ license: 'mit', source: `somebody/${fixture} at ${'1'.repeat(40)}` });
    for (const env of environments) {
      await withModel(built, state, env, async (url) => {
        const info: unknown = await (await fetch(new URL('/info', url))).json();
        expect(info).toMatchObject({
          model: id,
          mask_token: mask,
          heads,
          architecture: { family },
          limits: { tokens: 512 },
        });
        const response = await fetch(new URL('/fill-mask', url), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ inputs: 'I love [MASK] because you are <mask>.', parameters: { top_k: 3 } }),
        });
        const answer = (await response.json()) as { score: number; sequence: string }[][];
        expect(response.status).toBe(200);
        await expectPairsAndTokens(url, fixture, heads);
        expect(answer.map((candidates) => candidates.length)).toEqual([3, 3]);
        for (const { score, sequence } of answer[0] ?? []) {
          expect(score).toBeGreaterThan(0);
          expect(sequence).toMatch(/^I love.* because you are <mask>\.$/s);
        }
      });
    }
  });
});
