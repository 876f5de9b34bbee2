/** Pulling a model, with Hugging Face's own library, from a server that imitates the Hub. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { MAX_MODEL_BYTES, MAX_TEXT_BYTES, readBody } from '../../../models/hub/limits.ts';
import { pull, type PullOptions } from '../../../models/hub/pull.ts';
import { gitHash, type HostedModel, type HubServer, sha256, startHub } from './hub-server.ts';

const NAME = 'somebody/Tiny-BERT';
const BYTES = 4_000_000;
const [FIRST, SECOND] = ['1'.repeat(40), '2'.repeat(40)];
const TOKEN = 'hf_test';

let models: string;
let folder: string;
let hub: HubServer;
let model: HostedModel;
let weights: Uint8Array;

beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  folder = join(models, '.pulled/tiny-bert');
  hub = await startHub();
  weights = randomBytes(BYTES);
  model = {
    name: NAME,
    commit: FIRST,
    card: { license: 'mit' },
    files: {
      'README.md': text('# Tiny'),
      'config.json': text('{"model_type":"bert"}'),
      'flax_model.msgpack': text('flax'),
      'model.safetensors': weights,
      'onnx/model.onnx': text('onnx'),
      'pytorch_model.bin': text('pickle'),
      'tokenizer.json': text('{"model":{}}'),
      'tokenizer_config.json': text('{}'),
      'vocab.txt': text('[PAD]'),
    },
  };
  hub.models.push(model);
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(models, { recursive: true });
});

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const pullIt = (options: PullOptions = {}) =>
  pull(NAME, { models, endpoint: hub.endpoint, pausesMs: [1, 1, 1], ...options });
const contentOf = async (name: string) => new Uint8Array(await readFile(join(folder, name)));
const hashOf = async (name: string) => sha256(await contentOf(name));
const namesIn = async (path: string) => (existsSync(path) ? (await readdir(path)).toSorted() : []);
/** The requests to the storage, which has only the weights. */
const copies = () => hub.seen.filter(({ at }) => at === 'storage');

describe('pull', () => {
  it('downloads and verifies the necessary files, and records their origin', async () => {
    const shares: number[] = [];
    const pulled = await pullIt({ progress: (share) => shares.push(share) });
    expect(pulled).toMatchObject({ id: 'tiny-bert', folder, changed: true });
    expect(await namesIn(folder)).toEqual([
      'config.json',
      'model.safetensors',
      'source.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    expect(JSON.parse(await readFile(join(folder, 'source.json'), 'utf8'))).toEqual({
      hub: NAME,
      commit: FIRST,
      license: 'mit',
      files: ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => {
        const bytes = model.files[name] ?? new Uint8Array();
        return { name, bytes: bytes.length, oid: name === 'model.safetensors' ? sha256(bytes) : gitHash(bytes) };
      }),
    });
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  it('downloads files from the storage that the Hub used before Xet', async () => {
    model.storage = 'lfs';
    await pullIt();
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    expect(copies().map(({ range, sent }) => [range, sent])).toEqual([
      ['bytes=0-0', 1],
      [undefined, BYTES],
    ]);
  });

  it('only asks for the commit when all files are there', async () => {
    await pullIt();
    hub.seen.length = 0;
    expect(await pullIt()).toMatchObject({ changed: false, source: { commit: FIRST } });
    expect(hub.seen.map(({ path }) => path)).toEqual([`/api/models/${NAME}/revision/HEAD`]);
  });

  it.each(['model.safetensors', 'config.json'])(
    'brings %s again when it is gone or cut, and nothing else',
    async (name) => {
      await pullIt();
      for (const spoil of [() => rm(join(folder, name)), () => writeFile(join(folder, name), 'cut')]) {
        await spoil();
        hub.seen.length = 0;
        expect(await pullIt()).toMatchObject({ changed: true });
        expect(await hashOf(name)).toBe(sha256(model.files[name] ?? new Uint8Array()));
        const asked = new Set(hub.seen.flatMap(({ path }) => /resolve\/\w+\/(.+)/.exec(path)?.[1] ?? []));
        expect([...asked]).toEqual([name]);
      }
    },
  );

  it('stays at the commit with which it began', async () => {
    await pullIt({ revision: 'main' });
    const revisions = hub.seen.flatMap(({ path }) => /(?:tree|resolve)\/([^/]+)/.exec(path)?.[1] ?? []);
    expect(new Set(revisions)).toEqual(new Set([FIRST]));
  });

  it('replaces one revision by another, keeps the unchanged files, and leaves no others', async () => {
    await pullIt();
    await writeFile(join(folder, 'quantization.json'), 'measured here');
    const { 'model.safetensors': _, ...rest } = model.files;
    const shards = {
      'model-00001-of-00002.safetensors': weights.subarray(1),
      'model-00002-of-00002.safetensors': text('{}'),
    };
    const map = {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00002-of-00002.safetensors',
      c: 'model-00001-of-00002.safetensors',
    };
    model.commit = SECOND;
    model.files = { ...rest, ...shards, 'model.safetensors.index.json': text(JSON.stringify({ weight_map: map })) };
    hub.seen.length = 0;
    await pullIt();
    expect(await namesIn(folder)).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
      'quantization.json',
      'source.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(hub.seen.filter(({ path }) => path.endsWith('/config.json'))).toEqual([]);
  });

  it('leaves the earlier revision unchanged when the next one is not available', async () => {
    await pullIt();
    const before = await contentOf('source.json');
    model.commit = SECOND;
    model.files['config.json'] = text('{"model_type":"BERT"}');
    model.files['model.safetensors'] = randomBytes(BYTES);
    hub.troubles.set('model.safetensors', { statuses: Array.from({ length: 9 }, () => ({ status: 500 })) });
    await expect(pullIt()).rejects.toThrow('model.safetensors');
    expect(await contentOf('source.json')).toEqual(before);
    expect(await contentOf('config.json')).toEqual(text('{"model_type":"bert"}'));
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
  });

  it('verifies the files of an interrupted change of revision, whatever their size', async () => {
    await pullIt();
    await rm(join(folder, 'source.json'));
    await writeFile(join(folder, 'config.json'), '{"model_type":"BERT"}');
    await pullIt();
    expect(await contentOf('config.json')).toEqual(text('{"model_type":"bert"}'));
    expect(copies()).toHaveLength(1);
  });

  it('does not take for complete what stopped between two files, although all sizes are as listed', async () => {
    await pullIt();
    const first = { ...model.files };
    model.commit = SECOND;
    Object.assign(model.files, {
      'config.json': text('{"model_type":"BERT"}'),
      'tokenizer.json': text('{"MODEL":{}}'),
    });
    // The new config.json gets into its place, and the new tokenizer.json does not.
    await rm(join(folder, 'tokenizer.json'));
    await mkdir(join(folder, 'tokenizer.json/x'), { recursive: true });
    await expect(pullIt()).rejects.toThrow('there is a folder where a file should be');
    expect(await contentOf('config.json')).toEqual(model.files['config.json']);
    await rm(join(folder, 'tokenizer.json'), { recursive: true });
    await writeFile(join(folder, 'tokenizer.json'), first['tokenizer.json'] ?? '');
    [model.commit, model.files] = [FIRST, first];
    expect(await pullIt()).toMatchObject({ changed: true });
    expect(await contentOf('config.json')).toEqual(first['config.json']);
  });

  it.each([[['spiece.model']], [['vocab.txt']], [['vocab.json', 'merges.txt']]])(
    'downloads %s if there is no tokenizer.json',
    async (names) => {
      const { 'tokenizer.json': _, 'tokenizer_config.json': __, 'vocab.txt': ___, ...rest } = model.files;
      model.files = { ...rest, ...Object.fromEntries(names.map((name) => [name, text(name)])) };
      await pullIt();
      expect(await namesIn(folder)).toEqual(['config.json', 'model.safetensors', 'source.json', ...names].toSorted());
    },
  );

  it('downloads pickled weights where there are no others, and removes them when there are', async () => {
    const { 'model.safetensors': _, 'pytorch_model.bin': __, ...rest } = model.files;
    const index = text(JSON.stringify({ weight_map: { a: 'pytorch_model-1.bin' } }));
    const shards = { 'pytorch_model.bin.index.json': index, 'pytorch_model-1.bin': weights };
    const beside = ['source.json', 'tokenizer.json', 'tokenizer_config.json'];
    for (const [commit, files, expected] of [
      [
        FIRST,
        { ...rest, ...shards, 'training_args.bin': text('args') },
        ['pytorch_model-1.bin', 'pytorch_model.bin.index.json'],
      ],
      [SECOND, { ...rest, ...shards, 'pytorch_model.bin': weights }, ['pytorch_model.bin']],
      ['3'.repeat(40), { ...rest, ...shards, 'model.safetensors': weights }, ['model.safetensors']],
    ] as const) {
      [model.commit, model.files] = [commit, files];
      await pullIt();
      expect(await namesIn(folder)).toEqual(['config.json', ...expected, ...beside]);
    }
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
  });

  it.each([
    [{ license: 'other', license_name: 'the-licence' }, 'the-licence'],
    [{ license: ['mit', 'apache-2.0'] }, 'mit, apache-2.0'],
    [{}, 'unknown'],
    [undefined, 'unknown'],
  ])('reads the licence of the card %j as "%s"', async (card, license) => {
    hub.models[0] = { ...model, ...(card ? { card } : { card: {} }) };
    if (!card) delete hub.models[0].card;
    expect((await pullIt()).source.license).toBe(license);
  });
});

describe('a pull with failures', () => {
  it('resumes where the connection broke, without receiving a byte twice', async () => {
    hub.troubles.set('model.safetensors', { breakAfter: [BYTES / 2, BYTES / 4] });
    await pullIt();
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    const [first, second, third] = copies();
    const begins = [second, third].map((copy) => Number(/^bytes=(\d+)-$/.exec(copy?.range ?? '')?.[1]));
    expect(first?.range).toBeUndefined();
    expect(begins[0]).toBeGreaterThan(0);
    expect(begins[0]).toBeLessThanOrEqual(BYTES / 2);
    expect(begins[1]).toBeGreaterThan(begins[0] ?? 0);
    expect(third).toMatchObject({ status: 206, sent: BYTES - (begins[1] ?? 0) });
    expect(copies()).toHaveLength(3);
  });

  it('starts over when the storage ignores the requested range', async () => {
    hub.troubles.set('model.safetensors', { breakAfter: [BYTES / 2], ignoresRange: true });
    await pullIt();
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    expect(copies().map(({ status }) => status)).toEqual([200, 200]);
  });

  it('starts over when the file changed between two attempts', async () => {
    hub.troubles.set('model.safetensors', { breakAfter: [BYTES / 2], contents: [randomBytes(BYTES)] });
    await pullIt();
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    expect(copies().map(({ status }) => status)).toEqual([200, 200]);
  });

  it('starts over when an earlier run left other content', async () => {
    await mkdir(folder, { recursive: true });
    const part = join(folder, `model.safetensors.${sha256(weights).slice(0, 16)}.part`);
    for (const [left, statuses] of [
      [randomBytes(1000), [206, 200]],
      [randomBytes(BYTES), [200]],
      [randomBytes(BYTES + 1), [200]],
    ] as const) {
      await rm(join(folder, 'model.safetensors'), { force: true });
      await writeFile(part, left);
      hub.seen.length = 0;
      await pullIt();
      expect(await hashOf('model.safetensors')).toBe(sha256(weights));
      expect(copies().map(({ status }) => status)).toEqual(statuses);
    }
  });

  it.each([
    ['of another content', () => randomBytes(BYTES)],
    ['longer', () => Buffer.concat([weights, text('more')])],
  ])('refuses a file that is %s than listed, and keeps nothing of it', async (_, content) => {
    hub.troubles.set('model.safetensors', { contents: [content()] });
    await expect(pullIt()).rejects.toThrow(`model.safetensors is not what the Hub lists`);
    expect((await namesIn(folder)).filter((name) => !/^(config|tokenizer\w*)\.json\.\w+\.part$/.test(name))).toEqual(
      [],
    );
  });

  it('gives up on a file that is always cut off, keeps its part, and completes it later', async () => {
    hub.troubles.set('model.safetensors', { breakAfter: [BYTES / 2, 0, 0, 0, 0] });
    await expect(pullIt()).rejects.toThrow(/model\.safetensors was cut off after \d+ of 4000000 bytes/);
    expect(await namesIn(folder)).not.toContain('model.safetensors');
    await pullIt();
    expect(copies().at(-1)?.status).toBe(206);
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
  });

  it('goes on with a file that is cut off often, as long as some of it arrives between', async () => {
    hub.troubles.set('model.safetensors', { breakAfter: [BYTES / 4, 0, 0, BYTES / 4, 0, 0] });
    await pullIt();
    expect(copies()).toHaveLength(7);
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
  });

  it('waits as long as the Hub and the storage demand', async () => {
    hub.troubles.set('model.safetensors', { statuses: [{ status: 429, retryAfter: '1' }] });
    hub.troubles.set(`/api/models/${NAME}/revision/HEAD`, { statuses: [{ status: 429, retryAfter: '1' }] });
    const said: string[] = [];
    await pullIt({ say: (line) => said.push(line) });
    expect(said.map((line) => line.replace(/^\S+/, ''))).toEqual([
      ' answers 429: retrying in 1 s',
      ' answers 429: retrying in 1 s',
    ]);
    const asked = hub.seen.filter(({ path }) => path.includes('/revision/'));
    for (const [before, after] of [asked, copies()]) {
      expect((after?.time ?? 0) - (before?.time ?? Infinity)).toBeGreaterThanOrEqual(990);
    }
  });

  it('asks again after an answer without a body, and gives up on one that is none', async () => {
    hub.troubles.set('model.safetensors', { statuses: [{ status: 204 }] });
    await pullIt();
    expect(copies().map(({ status }) => status)).toEqual([204, 200]);
    await rm(folder, { recursive: true });
    hub.troubles.set('model.safetensors', { statuses: [{ status: 304 }] });
    await expect(pullIt()).rejects.toThrow(`${NAME} cannot be read (304: model.safetensors at 127.0.0.1:`);
  });

  it('does not wait longer than five minutes', async () => {
    hub.troubles.set(`/api/models/${NAME}/revision/HEAD`, { statuses: [{ status: 429, retryAfter: '3600' }] });
    await expect(pullIt()).rejects.toThrow('the Hub limits the rate of requests: try again later, or set HF_TOKEN');
    expect(hub.seen).toHaveLength(1);
  });

  it('retries after 5xx once for each pause', async () => {
    hub.troubles.set('model.safetensors', { statuses: [{ status: 503 }, { status: 500 }, { status: 502 }] });
    await pullIt();
    expect(copies().map(({ status }) => status)).toEqual([503, 500, 502, 200]);
  });

  it('sends the token to the Hub and not to the storage', async () => {
    model.gatedFor = TOKEN;
    await pullIt({ token: TOKEN });
    const given = Map.groupBy(hub.seen, ({ at }) => at);
    expect(given.get('hub')?.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
    expect(given.get('storage')?.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('does not send the token to a storage that the library asks without the Hub', async () => {
    [model.gatedFor, model.storage] = [TOKEN, 'cdn'];
    await pullIt({ token: TOKEN });
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    const ofWeights = hub.seen.filter(({ path }) => path.endsWith('/model.safetensors'));
    expect(ofWeights.map(({ at, authorization }) => [at, authorization])).toEqual([
      ['hub', `Bearer ${TOKEN}`],
      ['storage', undefined],
      ['storage', undefined],
    ]);
  });

  it.each([[undefined], ['hf_another']])('gives the remedy when the token %s does not suffice', async (token) => {
    model.gatedFor = TOKEN;
    await expect(pullIt({ token })).rejects.toThrow(
      `is gated: accept its licence at ${hub.endpoint}/${NAME} and set HF_TOKEN`,
    );
    expect(await namesIn(folder)).not.toContain('config.json');
  });

  it('reports that there is no such model or revision', async () => {
    await expect(pullIt({ revision: 'v9' })).rejects.toThrow(`there is no model ${NAME}, or no revision v9 of it (404`);
    hub.models.length = 0;
    await expect(pullIt()).rejects.toThrow(`${NAME} does not exist, or is gated: accept its licence`);
    await expect(pullIt({ token: TOKEN })).rejects.toThrow(`there is no model ${NAME} (404: Repository not found)`);
    expect(await namesIn(models)).toEqual([]);
  });

  it('reports that the Hub cannot be reached, with its address', async () => {
    await expect(pullIt({ endpoint: 'http://127.0.0.1:9' })).rejects.toThrow('127.0.0.1:9 cannot be reached (');
    await expect(pullIt({ endpoint: 'huggingface.co' })).rejects.toThrow('HF_ENDPOINT is "huggingface.co"');
  });

  it.each([
    [
      'weights that are read',
      /^(model\.safetensors|pytorch_model\.bin)$/,
      'has no weights: none of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json. ' +
        'It has flax_model.msgpack (Flax), onnx (ONNX), onnx/model.onnx (ONNX), which cannot be read',
    ],
    ['config.json', /^config\.json$/, 'has no config.json'],
    [
      'tokenizer',
      /tokenizer|vocab/,
      'has no tokenizer: none of tokenizer.json, vocab.txt, vocab.json with merges.txt, spiece.model',
    ],
  ])('refuses a repository without %s', async (_, without, problem) => {
    model.files = Object.fromEntries(Object.entries(model.files).filter(([name]) => !without.test(name)));
    await expect(pullIt()).rejects.toThrow(`${NAME} ${problem}`);
    expect(copies()).toEqual([]);
  });

  it('refuses an adapter before it downloads anything', async () => {
    model.files['adapter_config.json'] = text('{"base_model_name_or_path": "some/base"}');
    await expect(pullIt()).rejects.toThrow(`${NAME} has adapter_config.json: it is an adapter, and only whole models`);
    expect(copies()).toEqual([]);
  });

  it('refuses an index that names a missing file', async () => {
    const { 'model.safetensors': _, ...rest } = model.files;
    const index = JSON.stringify({ weight_map: { a: 'model-1.safetensors' } });
    model.files = { ...rest, 'model.safetensors.index.json': text(index) };
    await expect(pullIt()).rejects.toThrow('has no model-1.safetensors, and model.safetensors.index.json names it');
  });

  it.each(['../../outside.safetensors', 'part/model-1.safetensors'])(
    'refuses an index that names the path %s, and writes nothing there',
    async (path) => {
      const { 'model.safetensors': _, ...rest } = model.files;
      const index = text(JSON.stringify({ weight_map: { a: path } }));
      model.files = { ...rest, [path]: text('{}'), 'model.safetensors.index.json': index };
      await expect(pullIt()).rejects.toThrow(`weight_map has "${path}" for a, which is not a file name`);
      expect(existsSync(join(folder, path))).toBe(false);
      expect(await namesIn(models)).toEqual(['.pulled']);
    },
  );

  it('refuses a second model of the same name, unless it gets another', async () => {
    await pullIt();
    hub.models.push({ ...model, name: 'another/tiny-bert' });
    const another = (options: PullOptions) => pull('another/tiny-bert', { models, endpoint: hub.endpoint, ...options });
    await expect(another({})).rejects.toThrow(`${folder} has ${NAME}: give another/tiny-bert another id with --id`);
    expect(await another({ id: 'tiny-2' })).toMatchObject({ id: 'tiny-2', source: { hub: 'another/tiny-bert' } });
    await mkdir(join(models, 'tiny-3'));
    await expect(another({ id: 'tiny-3' })).rejects.toThrow(`${join(models, 'tiny-3')} already exists`);
    await expect(another({ id: 'Tiny/3' })).rejects.toThrow('"Tiny/3" is not a valid model id');
  });

  it('names the path of a folder in place of a file, and of a file in place of a folder', async () => {
    await mkdir(join(folder, 'model.safetensors/x'), { recursive: true });
    await expect(pullIt()).rejects.toThrow(
      `${join(folder, 'model.safetensors')} cannot be written: there is a folder where a file should be`,
    );
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
    await expect(pullIt()).rejects.toThrow(`${folder} cannot be written: there is a file where a folder should be`);
  });
});

/** An answer of a hub. */
const fiveBytes = () => Object.defineProperty(new Response('12345'), 'url', { value: 'http://hub/' });

/** A file of a list. */
const entry = (more: object) => ({ type: 'file', path: 'config.json', oid: gitHash(text('')), size: 0, ...more });

describe('a malicious Hub', () => {
  const info = `/api/models/${NAME}/revision/HEAD`;
  const tree = `/api/models/${NAME}/tree/${FIRST}`;
  const json = { 'content-type': 'application/json' };

  it.each([
    ['a redirect of the model', info, { status: 302, headers: { location: 'STORAGE/x' } }],
    ['a redirect of the list', tree, { status: 307, headers: { location: 'STORAGE/x' } }],
    ['the next page of the list', tree, { status: 200, headers: { ...json, link: '<STORAGE/x>; rel="next"' } }],
  ])('is given the token and cannot pass it to another origin by %s', async (_, path, { status, headers }) => {
    hub.answers.set(path, (_request, response) => {
      const given = Object.entries(headers).map(([name, value]) => [name, value.replace('STORAGE', hub.storage)]);
      response.writeHead(status, Object.fromEntries(given) as Record<string, string>).end('[]');
    });
    await expect(pullIt({ token: TOKEN })).rejects.toThrow();
    expect(hub.seen.find((seen) => seen.path === path)?.authorization).toBe(`Bearer ${TOKEN}`);
    expect(copies().map(({ authorization }) => authorization)).toEqual(status === 200 ? [] : [undefined]);
  });

  it('gets no request at another origin, and the error names that', async () => {
    hub.answers.set(tree, (_, response) => {
      response.writeHead(200, { ...json, link: `<${hub.storage}/x>; rel="next"` }).end('[]');
    });
    await expect(pullIt()).rejects.toThrow(
      `continues its list at ${hub.storage}: requests to another host are refused`,
    );
  });

  it('cannot list files for ever', async () => {
    const page = JSON.stringify(Array.from({ length: 1000 }, (_, i) => entry({ path: `file-${i}` })));
    hub.answers.set(tree, (_, response) => {
      response.writeHead(200, { ...json, link: `<${hub.endpoint}${tree}>; rel="next"` }).end(page);
    });
    await expect(pullIt()).rejects.toThrow(`${NAME} lists more than 10000 files`);
    expect(hub.seen.filter(({ path }) => path === tree)).toHaveLength(11);
  });

  it('cannot list nothing for ever', async () => {
    hub.answers.set(tree, (_, response) => {
      response.writeHead(200, { ...json, link: `<${hub.endpoint}${tree}>; rel="next"` }).end('[]');
    });
    await expect(pullIt()).rejects.toThrow(`${NAME} lists its files in more than 100 pages`);
  });

  it.each([info, tree])('cannot fill the memory with one response at %s', async (path) => {
    hub.answers.set(path, (_, response) => {
      response.writeHead(200, json);
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await expect(pullIt()).rejects.toThrow('sent more than 4000000 bytes in one response');
  });

  it.each([
    ['does not begin an answer', () => undefined, /cannot be reached \(no answer in 0\.2 s\)/],
    [
      'does not end an answer',
      (response: ServerResponse) => void response.writeHead(200, json).write('{'),
      /did not complete its response within 0\.2 s/,
    ],
  ])('cannot make anybody wait when it %s', async (_, answer, problem) => {
    hub.answers.set(info, (_request, response) => answer(response));
    await expect(pullIt({ stallMs: 200 })).rejects.toThrow(problem);
  });

  it('gets a request for the rest of a file when it stops sending', async () => {
    hub.troubles.set('model.safetensors', { stallAfter: [BYTES / 2] });
    await pullIt({ stallMs: 300 });
    expect(await hashOf('model.safetensors')).toBe(sha256(weights));
    expect(copies().map(({ status }) => status)).toEqual([200, 206]);
  });

  it.each([
    ['a hash that is a path', { oid: `../../${'0'.repeat(34)}` }, `the hash "../../${'0'.repeat(34)}"`],
    ['no hash', { oid: undefined }, 'the hash ""'],
    ['a negative size', { size: -1 }, '-1 bytes'],
    ['a size that is not a number', { size: '5' }, '5 bytes'],
    ['10 TB of weights', { path: 'model.safetensors', size: 1e13 }, `${NAME} lists 10000 GB, and at most 5 GB`],
    ['a vocabulary of 1 GB', { path: 'tokenizer.json', size: 1e9 }, 'tokenizer.json is listed with 1000 MB'],
  ])('cannot list %s', async (_, wrong, problem) => {
    const listed = ['config.json', 'model.safetensors', 'tokenizer.json'].map((path) => entry({ path }));
    const named = entry(wrong);
    const files = listed.map((file) => (file.path === named.path ? named : file));
    hub.answers.set(tree, (_request, response) => void response.writeHead(200, json).end(JSON.stringify(files)));
    await expect(pullIt()).rejects.toThrow(problem);
    expect(await namesIn(folder)).toEqual([]);
  });

  it('is believed up to the limits of all files and of a text', async () => {
    const sizes = {
      'config.json': 0,
      'tokenizer.json': MAX_TEXT_BYTES,
      'model.safetensors': MAX_MODEL_BYTES - MAX_TEXT_BYTES,
    };
    const files = Object.entries(sizes).map(([path, size]) => entry({ path, size }));
    hub.answers.set(tree, (_request, response) => void response.writeHead(200, json).end(JSON.stringify(files)));
    await expect(pullIt()).rejects.toThrow(`tokenizer.json was cut off after 12 of ${MAX_TEXT_BYTES} bytes`);
  });

  it('may send an answer of exactly as many bytes as are read', async () => {
    expect(await readBody(fiveBytes(), 5, 1_000)).toEqual(text('12345'));
    await expect(readBody(fiveBytes(), 4, 1_000)).rejects.toThrow('hub sent more than 4 bytes in one response');
    expect(await readBody(new Response(null), 5, 1_000)).toEqual(new Uint8Array());
  });

  it.each([
    [{ sha: '../../etc' }, 'at "../../etc"'],
    [{ id: "a/b'; rm -rf ~" }, `is "a/b'; rm -rf ~"`],
  ])('cannot be %j', async (wrong, problem) => {
    const answer = JSON.stringify({ _id: '0', id: NAME, sha: FIRST, ...wrong });
    hub.answers.set(info, (_, response) => void response.writeHead(200, json).end(answer));
    await expect(pullIt()).rejects.toThrow(problem);
  });

  it('cannot fill the screen with an error', async () => {
    const answer = JSON.stringify({ error: 'x'.repeat(100_000) });
    hub.answers.set(info, (_, response) => void response.writeHead(404, json).end(answer));
    const error = await pullIt().catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message.length).toBeLessThan(500);
  });
});
