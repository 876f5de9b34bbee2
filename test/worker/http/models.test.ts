/** Several models in one deployment. */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';

import type { BackendKind } from '../../../src/inference/backend.ts';
import { type Manifest, objectKey, sealManifest } from '../../../src/model/manifest.ts';
import { ModelEvicted } from '../../../src/model/deployed-model.ts';
import { modelBytes } from '../../../src/model/memory.ts';
import { readAhead } from '../../../src/model/object-store.ts';
import { ServedModels } from '../../../src/model/served-models.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { builtFile, fillBucket, freshApp, OBJECTS } from '../bucket.ts';

const [id = '', revision = ''] = env.MODEL.split('@');
const MISSING = 'missing@0123456789abcdef';
/** The same weights by another name. */
const OTHER = `other@${revision}`;
const app = freshApp({ MORE_MODELS: `${OTHER}, ${MISSING}` });
let manifest: Manifest;

beforeAll(async () => {
  await fillBucket();
  const { checksum: _, ...unsealed } = JSON.parse(
    new TextDecoder().decode(await builtFile('manifest.json')),
  ) as Manifest;
  manifest = await sealManifest({ ...unsealed, id: 'other' });
  for (const name of OBJECTS) {
    const content = name === 'manifest.json' ? JSON.stringify(manifest) : await builtFile(name);
    await env.MODELS.put(objectKey('other', revision, name), content);
  }
});

const inputs = 'Paris is the [MASK] of France.';
const problem = async (response: Response) => ({ status: response.status, ...(await response.json<object>()) });

describe('a request', () => {
  it.each([
    ['/models/other/fill-mask', {}],
    ['/models/other/', {}],
    [`/models/${OTHER}/fill-mask`, {}],
    ['/fill-mask', { model: 'other' }],
    ['/fill-mask', { model: OTHER }],
    ['/models/other/fill-mask', { model: 'other' }],
    ['/models/other/fill-mask', { model: null }],
  ])('to %s with %j is answered by that model', async (path, more) => {
    const points: AnalyticsEngineDataPoint[] = [];
    const ANALYTICS = { writeDataPoint: (point: AnalyticsEngineDataPoint) => void points.push(point) };
    const cold = freshApp({ MORE_MODELS: OTHER, CACHE: 'off', ANALYTICS });
    const response = await cold.ask({ inputs, ...more }, path);
    expect(await response.json()).toEqual(await app.answer({ inputs }));
    expect(points[0]?.blobs).toContain(OTHER);
  });

  it('for another route below a model is answered by that model', async () => {
    expect(await (await app.request('/models/other/info')).json()).toMatchObject({ model: 'other', revision });
    expect(await (await app.request('/models/other/health')).json()).toEqual({ status: 'ok', model: OTHER });
    expect(await (await app.request(`/models/${id}/health`)).json()).toEqual({ status: 'ok', model: env.MODEL });
    const text = { inputs: 'The dog barks.' };
    for (const path of ['/score', '/tokenize']) {
      expect(await app.answer(text, `/models/other${path}`)).toEqual(await app.answer(text, path));
    }
    const query = `/fill-mask?${new URLSearchParams({ inputs }).toString()}`;
    expect(await (await app.request(`/models/other${query}`)).json()).toEqual(await app.answer({ inputs }));
    expect((await app.request('/models/other/score')).status).toBe(405);
    expect((await app.request('/models/other/nothing')).status).toBe(404);
  });

  it.each([
    ['/models/nobody/fill-mask', {}],
    ['/models/nobody/info', undefined],
    ['/fill-mask', { model: 'nobody' }],
    ['/score', { model: 'nobody' }],
    ['/tokenize', { model: 'other@1111111111111111' }],
  ])('to %s with %j names the models that are served', async (path, more) => {
    const refused = await problem(more ? await app.ask({ inputs, ...more }, path) : await app.request(path));
    expect(refused).toMatchObject({ status: 404, error_type: 'unknown_model' });
    expect(refused).toHaveProperty('error', expect.stringContaining(`Served are ${env.MODEL}, ${OTHER}, ${MISSING}`));
  });

  it('that names two models, or none by name, is refused', async () => {
    expect(await problem(await app.ask({ inputs, model: id }, '/models/other/fill-mask'))).toMatchObject({
      status: 400,
      error: `The path asks for the model ${OTHER}, and the body for ${env.MODEL}. Name one of them.`,
    });
    expect(await problem(await app.ask({ inputs, model: 5 }))).toMatchObject({
      status: 400,
      error: 'model must be the id of a model.',
    });
  });

  it('to a model that is not in the bucket fails alone', async () => {
    expect((await app.ask({ inputs }, '/models/missing/fill-mask')).status).toBe(502);
    expect((await app.ask({ inputs })).status).toBe(200);
  });
});

it('the models are listed, with the cards of those in the bucket', async () => {
  const listed = await (await app.request('/models')).json<Record<string, unknown>[]>();
  expect(listed).toEqual([
    { model: id, revision, path: `/models/${id}`, default: true, info: await (await app.request('/info')).json() },
    {
      model: 'other',
      revision,
      path: '/models/other',
      default: false,
      info: expect.objectContaining({ model: 'other' }),
    },
    { model: 'missing', revision: '0123456789abcdef', path: '/models/missing', default: false },
  ]);
});

/** Records what is loaded and released. */
function recorded() {
  const log: string[] = [];
  const logging: BackendKind = {
    ...kind,
    async create(file) {
      log.push('loads');
      const backend = await kind.create(file);
      return {
        run: (batch, pause) => backend.run(batch, pause),
        dispose: async () => {
          log.push('releases');
          await backend.dispose?.();
        },
      };
    },
  };
  return { log, logging };
}
const bytes = () => modelBytes(kind.file, manifest);

describe('an isolate', () => {
  it('keeps the models that fit together', async () => {
    const { log, logging } = recorded();
    const models = new ServedModels(logging, 200e9, 2 * bytes());
    for (const name of [env.MODEL, OTHER, env.MODEL, OTHER]) await models.get(name).load(readAhead(env.MODELS));
    expect(log).toEqual(['loads', 'loads']);
  });

  it('releases the least recently used one before it loads another', async () => {
    const { log, logging } = recorded();
    const info = vi.spyOn(console, 'info').mockReturnValue();
    const models = new ServedModels(logging, 200e9, 2 * bytes() - 1);
    await models.get(env.MODEL).load(readAhead(env.MODELS));
    await models.get(OTHER).load(readAhead(env.MODELS));
    expect(log).toEqual(['loads', 'releases', 'loads']);
    expect(info).toHaveBeenCalledWith({ event: 'model_evicted', model: env.MODEL, for: OTHER });
    info.mockRestore();
    await models.peek(env.MODEL).manifest(env.MODELS);
    await models.get(OTHER).load(readAhead(env.MODELS));
    expect(log).toHaveLength(3);
    await models.get(env.MODEL).load(readAhead(env.MODELS));
    expect(log).toEqual(['loads', 'releases', 'loads', 'releases', 'loads']);
  });

  it('ends a run before it releases the model, and loads it again for the next one', async () => {
    const { log, logging } = recorded();
    const models = new ServedModels(logging, 200e9, 2 * bytes() - 1);
    const { tokenizer, backend } = await models.get(env.MODEL).load(readAhead(env.MODELS));
    const encoding = tokenizer.encode(findMasks('The [MASK] barked.'));
    const expected = await backend.run([encoding]);
    let loading: Promise<unknown> | undefined;
    const running = backend.run([encoding], async () => {
      loading ??= models.get(OTHER).load(readAhead(env.MODELS));
      await scheduler.wait(30);
    });
    expect(await running).toEqual(expected);
    log.push('ended');
    await loading;
    expect(log).toEqual(['loads', 'ended', 'releases', 'loads']);
    await expect(backend.run([encoding])).rejects.toThrow(ModelEvicted);
    const again = await models.get(env.MODEL).load(readAhead(env.MODELS));
    expect(await again.backend.run([encoding])).toEqual(expected);
    expect(log).toEqual(['loads', 'ended', 'releases', 'loads', 'releases', 'loads']);
  });

  it('reserves memory for a model only where no other has to leave', async () => {
    const { log, logging } = recorded();
    const models = new ServedModels(logging, 200e9, 2 * bytes());
    await models.get(env.MODEL).load(readAhead(env.MODELS));
    expect(models.reserve(OTHER, bytes() + 1)).toBe(false);
    expect(models.reserve(OTHER, bytes())).toBe(true);
    expect(models.reserve('third@0123456789abcdef', 1)).toBe(false);
    expect(models.reserve(env.MODEL, bytes())).toBe(true);
    await models.peek(OTHER).load(readAhead(env.MODELS));
    expect(log).toEqual(['loads', 'loads']);
  });

  it('answers /ready by the manifest alone where another model would have to leave, and loads it otherwise', async () => {
    const reserve = vi.spyOn(ServedModels.prototype, 'reserve').mockReturnValueOnce(false);
    const reads = vi.spyOn(env.MODELS, 'get');
    const fresh = freshApp({ MORE_MODELS: `${OTHER}, ${MISSING}` });
    const read = () => reads.mock.calls.map(([key]) => key);
    const ready = await fresh.request('/models/other/ready');
    expect([ready.status, read()]).toEqual([200, [objectKey('other', revision, 'manifest.json')]]);
    expect((await fresh.request('/models/missing/ready')).status).toBe(503);
    reads.mockClear();
    expect((await fresh.request('/models/other/ready')).status).toBe(200);
    expect(read()).toContain(objectKey('other', revision, kind.file));
    reads.mockRestore();
    reserve.mockRestore();
  });

  it('keeps a model for a while that a request waits for', async () => {
    const { log, logging } = recorded();
    const models = new ServedModels(logging, 200e9, 2 * bytes() - 1);
    const { queue } = await models.get(env.MODEL).load(readAhead(env.MODELS));
    const job = queue.admit(env.MODEL, 1);
    if (!job) throw new Error('was not admitted');
    const loading = models.get(OTHER).load(readAhead(env.MODELS));
    await scheduler.wait(200);
    expect(log).toEqual(['loads']);
    queue.end(job);
    await loading;
    expect(log).toEqual(['loads', 'releases', 'loads']);
  });

  it('releases a model whose run was abandoned', async () => {
    const { log, logging } = recorded();
    const models = new ServedModels(logging, 200e9, 2 * bytes() - 1);
    const { tokenizer, backend } = await models.get(env.MODEL).load(readAhead(env.MODELS));
    void backend.run([tokenizer.encode(findMasks('The [MASK] barked.'))], () => new Promise(() => undefined));
    await models.get(OTHER).load(readAhead(env.MODELS));
    expect(log).toEqual(['loads', 'releases', 'loads']);
  });

  it('loads a model that was released while a request waited for its turn', async () => {
    const response = await freshApp({ CACHE: 'off' }, released(1)).ask({ inputs });
    expect(await response.json()).toEqual(await app.answer({ inputs }));
  });

  it('answers 429 with Retry-After when that happens again and again', async () => {
    const response = await freshApp({ CACHE: 'off' }, released(Infinity)).ask({ inputs });
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problem(response)).toMatchObject({ status: 429, error_type: 'overloaded' });
  });
});

/** @param times how often the weights are gone when a run begins */
function released(times: number): BackendKind {
  let left = times;
  return {
    ...kind,
    async create(file) {
      const backend = await kind.create(file);
      let isChecked = false;
      const run: typeof backend.run = (batch, pause) => {
        if (isChecked && left-- > 0) throw new ModelEvicted('the weights were released');
        // The first run checks the model.
        isChecked = true;
        return backend.run(batch, pause);
      };
      return { run };
    },
  };
}
