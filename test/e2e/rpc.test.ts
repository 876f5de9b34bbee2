/** Calls over a service binding: the example worker in docs/examples, and each method with its errors. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { LOAD_PAUSE_MS } from '../../src/limits.ts';
import type { Result } from '../../src/result.ts';
import { objectKey } from '../../src/model/manifest.ts';
import type { CallError } from '../../src/schemas/service.ts';

type Method = (...given: unknown[]) => Promise<Result<unknown, CallError>>;
type FillMask = Record<'fillMask' | 'score' | 'classifyPair' | 'tokenize' | 'info' | 'models', Method>;

const ROOT = join(import.meta.dirname, '../..');
/** No call sends a key, or knows the path of the HTTP API. */
const vars = { API_KEYS: 'a-key-of-20-characters', BASE_PATH: '/masks', CACHE_STATUS: 'all', REQUEST_LOG: 'off' };
const server = createTestHarness({
  workers: [
    { configPath: join(ROOT, 'docs/examples/caller/wrangler.toml') },
    { configPath: join(ROOT, 'wrangler.toml'), vars },
  ],
});
let url: URL;
let service: FillMask;

beforeAll(async () => {
  ({ url } = await server.listen());
  ({ FILL_MASK: service } = await server.getWorker<{ FILL_MASK: FillMask }>('caller').getEnv());
});
afterAll(() => server.close());

const ask = async (text: string) => {
  const response = await fetch(new URL(`/?${new URLSearchParams({ text }).toString()}`, url));
  return [response.status, await response.json()] as const;
};

it('a call says when to try again while the model cannot be read', async () => {
  expect(await service.score({ inputs: 'The dog barks.' })).toEqual({
    ok: false,
    error: {
      status: 502,
      error_type: 'model_unavailable',
      error: expect.stringContaining('is missing from the bucket'),
      retry_after_s: 1,
    },
  });
});

describe('with a model in the bucket,', () => {
  beforeAll(async () => {
    const { id, revision, folder, files } = inject('built');
    const { MODELS } = await server.getWorker<{ MODELS: R2Bucket }>('edge-fill-mask').getEnv();
    for (const name of files) await MODELS.put(objectKey(id, revision, name), await readFile(join(folder, name)));
    // A failed load answers for a second.
    await new Promise((resolve) => setTimeout(resolve, LOAD_PAUSE_MS));
  });

  it('the example answers with the filled sentence, and with an error as a value', async () => {
    const [status, [best]] = (await ask('Paris is the ____ of France.')) as [number, { sequence: string }[]];
    expect([status, best?.sequence]).toEqual([200, 'Paris is the capital of France.']);
    expect(await ask('Nothing to fill.')).toEqual([
      422,
      { why: 'inputs has no mask. Put [MASK] where a word is missing.' },
    ]);
  });

  it.each([
    ['fillMask', '/fill-mask', { inputs: 'I love [MASK] because you are [MASK].', parameters: { top_k: 2 } }, []],
    ['score', '/score', { inputs: ['The dog barks.', 'The dog bark.'] }, []],
    ['classifyPair', '/sentence-order', { inputs: { text: 'It rained.', text_pair: 'She got wet.' } }, ['sop']],
    ['tokenize', '/tokenize', { inputs: 'The dog barks.' }, []],
  ] as const)('%s answers as %s does', async (method, path, question, more) => {
    const worker = server.getWorker('edge-fill-mask');
    const response = await worker.fetch(`http://edge${vars.BASE_PATH}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${vars.API_KEYS}`, 'content-type': 'application/json' },
      body: JSON.stringify(question),
    });
    expect(await service[method](question, ...more)).toEqual({ ok: true, value: await response.json() });
  });

  it.each(['info', 'models'] as const)('%s answers as GET does', async (method) => {
    const response = await server.getWorker('edge-fill-mask').fetch(`http://edge${vars.BASE_PATH}/${method}`);
    expect(await service[method]()).toEqual({ ok: true, value: await response.json() });
  });

  it.each(['mlm', 'toString', undefined, 5n, ['sop']])('classifyPair does not know the head %s', async (head) => {
    expect(await service.classifyPair({ inputs: { text: 'a', text_pair: 'b' } }, head)).toEqual({
      ok: false,
      error: {
        status: 400,
        error_type: 'invalid_request',
        error: 'The head must be "sop", for sentence order, or "nsp", for next sentence.',
      },
    });
  });

  const cycle: Record<string, unknown> = { inputs: 'A [MASK].' };
  cycle['options'] = { cycle };
  it.each<[string, unknown, string]>([
    ['a bigint', { inputs: 'A [MASK].', parameters: { top_k: 5n } }, 'parameters.top_k is a bigint'],
    ['a cycle', cycle, 'options.cycle contains itself'],
    [
      'a map',
      { inputs: 'A [MASK].', parameters: new Map([['top_k', 1]]) },
      'parameters is neither a list nor a plain object',
    ],
  ])('%s is refused by its place', async (_, question, problem) => {
    for (const method of ['fillMask', 'score', 'tokenize'] as const) {
      expect(await service[method](question)).toEqual({
        ok: false,
        error: {
          status: 400,
          error_type: 'invalid_request',
          error: `${problem}, which JSON cannot hold. Pass texts, numbers, truth values, lists and plain objects.`,
        },
      });
    }
  });

  it.each([
    ['fillMask', [{ inputs: 'A [MASK].', parameters: { topk: 1 } }], 400, 'invalid_request'],
    ['fillMask', [undefined], 400, 'invalid_json'],
    ['score', [{ inputs: 'a'.repeat(600_000) }], 413, 'body_too_large'],
    ['classifyPair', [{ inputs: { text: 'a', text_pair: 'b' } }, 'nsp'], 422, 'no_such_head'],
    ['tokenize', [{ inputs: [] }], 400, 'invalid_request'],
  ] as const)('%s refuses %j with status %i as a value', async (method, given, status, error_type) => {
    expect(await service[method](...given)).toEqual({
      ok: false,
      error: { status, error_type, error: expect.stringMatching(/\.$/) },
    });
  });
});
