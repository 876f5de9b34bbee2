/** From an id of the Hub to a served model, as in models/README.md, for a checkpoint of each family. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Built } from '../../models/bucket/built.ts';
import { addModel } from '../../models/commands/add.ts';
import { pulledFolder } from '../../models/hub/source.ts';
import { type HubServer, startHub } from '../models/hub/hub-server.ts';
import { postJson } from '../post-json.ts';
import { ENVIRONMENTS, type Served, serveModels } from './serve-models.ts';

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

/** Ids and offsets equal those of transformers; a sentence head gives in int8 what it gives in float32, or is absent. */
async function expectPairsAndTokens(
  urlOf: (path: string) => URL,
  fixture: string,
  heads: readonly string[],
): Promise<void> {
  const golden = JSON.parse(await readFile(join(FIXTURES, fixture, 'golden.json'), 'utf8')) as Golden;
  for (const { text, input_ids, offsets } of golden.cases.slice(0, 20)) {
    const response = await postJson(urlOf('/tokenize'), { inputs: text });
    const { tokens } = (await response.json()) as {
      tokens: { token: number; offsets: { code_points: [number, number] } }[];
    };
    expect(tokens.map(({ token }) => token)).toEqual(input_ids);
    expect(tokens.map((token) => token.offsets.code_points)).toEqual(offsets);
  }
  const pairs = golden.pairs.filter(({ text, text_pair }) => text && text_pair);
  const inputs = pairs.map(({ text, text_pair }) => ({ text, text_pair }));
  for (const [head, path, labels] of [
    ['sop', '/sentence-order', ['in_order', 'swapped']],
    ['nsp', '/next-sentence', ['is_next', 'not_next']],
  ] as const) {
    const response = await postJson(urlOf(path), { inputs });
    const { status } = response;
    const answer: unknown = await response.json();
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

const FAMILIES = [
  { family: 'albert', heads: ['mlm', 'sop'], mask: '[MASK]' },
  { family: 'bert', heads: ['mlm', 'nsp'], mask: '[MASK]' },
  { family: 'roberta', heads: ['mlm'], mask: '<mask>' },
  { family: 'distilbert', heads: ['mlm'], mask: '[MASK]' },
  { family: 'electra', heads: ['mlm'], mask: '[MASK]' },
  { family: 'camembert', heads: ['mlm'], mask: '<mask>' },
  { family: 'xlm-roberta', heads: ['mlm'], mask: '<mask>' },
];
// The graphs of all families are compared in test/models/families.test.ts, with the same onnxruntime-web.
const SERVED_BY_BOTH = new Set(['albert', 'roberta', 'electra']);
const idOf = (family: string) => `add-test-${process.pid}-${family}`;

let hub: HubServer;
let state: string;
const added = new Map<string, Built>();

beforeAll(async () => {
  hub = await startHub();
  process.env['HF_ENDPOINT'] = hub.endpoint;
  state = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  for (const { family } of FAMILIES) {
    const folder = join(FIXTURES, family);
    const names = (await readdir(folder)).filter((name) => name !== 'golden.json');
    const files = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))] as const)),
    );
    hub.models.push({ name: `somebody/${family}`, commit: '1'.repeat(40), files, card: { license: 'mit' } });
    const backend = SERVED_BY_BOTH.has(family) ? 'both' : 'engine';
    // Random weights lose more of their first choices than trained ones may.
    const choice = { id: idOf(family), force: true, backend } as const;
    added.set(family, await addModel(`somebody/${family}`, choice, state));
  }
}, 300_000);
afterAll(async () => {
  delete process.env['HF_ENDPOINT'];
  await hub[Symbol.asyncDispose]();
  await rm(state, { recursive: true });
  for (const { family } of FAMILIES) {
    await rm(pulledFolder(MODELS, idOf(family)), { recursive: true, force: true });
    await rm(join(MODELS, '.build', idOf(family)), { recursive: true, force: true });
  }
});

describe.each(ENVIRONMENTS)('models from the Hub, environment %s', (env) => {
  const families = FAMILIES.filter(({ family }) => !env || SERVED_BY_BOTH.has(family));
  let served: Served;
  beforeAll(async () => {
    served = await serveModels(
      families.map(({ family }) => added.get(family) as Built),
      state,
      env,
    );
  });
  afterAll(() => served[Symbol.asyncDispose]());

  it.each(families)('serves $family, and describes it', async ({ family, heads, mask }) => {
    const built = added.get(family) as Built;
    const urlOf = (path: string) => served.urlOf(built, path);
    expect(built.manifest).toMatchObject({ license: 'mit', source: `somebody/${family} at ${'1'.repeat(40)}` });
    const info: unknown = await (await fetch(urlOf('/info'))).json();
    expect(info).toMatchObject({
      model: idOf(family),
      mask_token: mask,
      heads,
      architecture: { family },
      limits: { tokens: 512 },
    });
    const inputs = 'I love [MASK] because you are <mask>.';
    const response = await postJson(urlOf('/fill-mask'), { inputs, parameters: { top_k: 3 } });
    const answer = (await response.json()) as { score: number; sequence: string }[][];
    expect(response.status).toBe(200);
    expect(answer.map((candidates) => candidates.length)).toEqual([3, 3]);
    for (const { score, sequence } of answer[0] ?? []) {
      expect(score).toBeGreaterThan(0);
      expect(sequence).toMatch(/^I love.* because you are <mask>\.$/s);
    }
    await expectPairsAndTokens(urlOf, family, heads);
  });
});
