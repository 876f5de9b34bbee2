/** Conversion: the needs of a model at the edge, the refusal of one that does not fit, and the files of a build. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { findNewestBuild } from '../../../models/bucket/built.ts';
import { selectedModel } from '../../../models/bucket/deployed.ts';
import { makeArtifacts, readCheckpoint } from '../../../models/build/build.ts';
import { readConfig } from '../../../models/checkpoint/config.ts';
import type { EncoderWeights } from '../../../models/checkpoint/encoder.ts';
import { readTensors } from '../../../models/checkpoint/files.ts';
import { convert } from '../../../models/convert/convert.ts';
import { findOrBuild } from '../../../models/convert/find-or-build.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { fittingOutliers, needsOf } from '../../../models/build/memory-needs.ts';
import { forInputs, type LayerPlan, uncalibratedPlan } from '../../../models/quantization/plan.ts';
import { engineBackend } from '../../../models/evaluation/backends.ts';
import { measure } from '../../../models/convert/measure.ts';
import { parseManifest } from '../../../src/model/manifest.ts';
import { wasmBytes } from '../../../src/model/memory.ts';
import { archive, call, dict, floats, global, ordered, pickle, str, tensor } from '../checkpoint/torch-file.ts';

const FAMILIES = join(import.meta.dirname, '../../fixtures/families');
const MODELS = join(import.meta.dirname, '../../../models');
const BUILDS = join(MODELS, '.build');
const { id: DEFAULT_MODEL } = selectedModel();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(() => rm(folder, { recursive: true }));

const BERT_BASE = {
  model_type: 'bert',
  hidden_act: 'gelu',
  vocab_size: 30_522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
};
const DISTILBERT = {
  model_type: 'distilbert',
  activation: 'gelu',
  vocab_size: 30_522,
  dim: 768,
  n_layers: 6,
  n_heads: 12,
  hidden_dim: 3072,
  max_position_embeddings: 512,
};
const ROBERTA_BASE = {
  ...BERT_BASE,
  model_type: 'roberta',
  vocab_size: 50_265,
  max_position_embeddings: 514,
  type_vocab_size: 1,
  pad_token_id: 1,
};
const ALBERT_XLARGE = {
  ...BERT_BASE,
  model_type: 'albert',
  hidden_act: 'gelu_new',
  vocab_size: 30_000,
  embedding_size: 128,
  hidden_size: 2048,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  intermediate_size: 8192,
};

/** Only the fields that determine sizes. */
function shapeOf(config: object): EncoderWeights {
  const read = readConfig(JSON.stringify(config));
  const projection = read.family === 'albert' ? {} : undefined;
  const dense = { weight: new Float32Array(), inputs: 0, outputs: 0 };
  return { config: read, embeddings: { projection }, mlm: { dense }, sentence: undefined } as EncoderWeights;
}

/** No outliers; ranges do not matter. */
const planOf = ({ config }: EncoderWeights): LayerPlan[] =>
  Array.from({ length: config.layers_stored }, () => forInputs(() => ({ range: new Float32Array(), outliers: [] })));

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

describe('what a model needs', () => {
  it.each([
    ['DistilBERT', DISTILBERT, 8, 69, 75],
    ['DistilRoBERTa', { ...ROBERTA_BASE, num_hidden_layers: 6 }, 8, 85, 91],
    ['ALBERT-xlarge', ALBERT_XLARGE, 8, 56, 69],
    ['BERT-base', BERT_BASE, 8, 113, 118],
    ['BERT-base in 4 bits', BERT_BASE, 4, 73, 79],
    ['RoBERTa-base in 4 bits', ROBERTA_BASE, 4, 88, 95],
  ] as const)('of %s, in MB of file and of WASM memory', async (_, config, bits, file, heap) => {
    const { engine } = await needsOf(shapeOf(config), 1_000_000, bits, planOf(shapeOf(config)));
    expect([megabytes(engine.fileBytes), megabytes(engine.heapBytes)]).toEqual([file, heap]);
    // The worker's own estimate, by which models leave its memory.
    const reckoned = wasmBytes('model.efm', engine.fileBytes, shapeOf(config).config);
    expect(reckoned).toBeGreaterThanOrEqual(engine.heapBytes);
    expect(reckoned).toBeLessThan(1.13 * engine.heapBytes);
  });

  it.each([
    ['BERT-base', BERT_BASE, 0.61],
    ['RoBERTa-base', ROBERTA_BASE, 0.14],
  ])('leaves room for outlier channels in 8 bits, for %s in 4', async (_name, config, share) => {
    const weights = shapeOf(config);
    const fitting = await fittingOutliers(weights, 1_000_000);
    expect(fitting).toBeCloseTo(share, 2);
    // A multiple of 32 of each input: no more than that share.
    const count = (inputs: number) => 32 * Math.floor((fitting * inputs) / 32);
    const { hidden_size, intermediate_size } = weights.config;
    const outliers = (inputs: number) => ({
      range: new Float32Array(),
      outliers: Array.from({ length: count(inputs) }, (_, i) => i),
    });
    const plan = Array.from({ length: weights.config.layers_stored }, () =>
      forInputs((input) => outliers(input === 'output' ? Math.min(intermediate_size, 1700) : hidden_size)),
    );
    const { engine } = await needsOf(weights, 1_000_000, 4, plan);
    expect(engine.heapBytes).toBeLessThanOrEqual(engine.maxHeapBytes);
  });

  it('leaves no limit to a model that does not fit anyway', async () => {
    expect(await fittingOutliers(shapeOf({ ...BERT_BASE, num_hidden_layers: 36 }), 1_000_000)).toBe(Infinity);
  });

  it.each([
    ...['albert', 'albert-grouped', 'bert', 'bert-untied', 'distilbert', 'roberta'].map((name) => join(FAMILIES, name)),
    DEFAULT_MODEL,
  ])('is never more than the worker reckons, for %s', async (model) => {
    const { weights, bits, plan } = await readCheckpoint(model);
    const { engine } = await needsOf(weights, 1_000_000, bits, plan);
    expect(wasmBytes('model.efm', engine.fileBytes, weights.config)).toBeGreaterThanOrEqual(engine.heapBytes);
  });

  it.each([4, 8] as const)('is, for the engine, what it takes with weights of %i bits', async (bits) => {
    const { weights } = await readCheckpoint(join(FAMILIES, 'bert'));
    const { engine } = await needsOf(weights, 1_000_000, bits, uncalibratedPlan(weights));
    const packed = packEngineFile(weights, bits);
    const backend = await engineBackend(packed);
    const length = 512;
    await backend.run([
      {
        input_ids: new Int32Array(length).fill(5),
        token_type_ids: new Int32Array(length),
        masked_positions: Int32Array.of(1),
      },
    ]);
    expect(engine.fileBytes).toBe(packed.length);
    expect(engine.heapBytes).toBe(backend.kernels.memory.buffer.byteLength);
  });
});

describe('converting', () => {
  it('refuses what fits no isolate, with the arithmetic, before anything is written', async () => {
    const model = join(folder, 'too-large');
    await cp(join(FAMILIES, 'albert'), model, { recursive: true });
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as { vocab_size: number };
    const rows = 3_000_000;
    await writeFile(
      join(model, 'config.json'),
      JSON.stringify({ ...config, vocab_size: rows, num_hidden_layers: 10_000 }),
    );
    await enlargeVocabulary(join(model, 'model.safetensors'), config.vocab_size, rows);
    const said: string[] = [];
    await expect(convert(model, { say: (line) => said.push(line) })).rejects.toThrow(
      /too-large does not fit: of the 128 MB of an isolate, WASM may take \d+ MB beside the script, the tokenizer, the caches and an answer\. --bits 4 .*--keep-vocabulary <text> .*; --force/,
    );
    expect(said.join('\n')).toMatch(/engine: 84\.\d MB in R2, 18\d MB of WASM memory .*: does not fit/);
    expect(said.join('\n')).toMatch(
      /takes 210 billion multiply-adds, .* set MAX_REQUEST_GMACS in wrangler\.toml to 210 or more/,
    );
    expect(await readdir(BUILDS)).not.toContain('too-large');
  });

  it('writes a build, whose error is there when it was measured; and remembers with how many bits', async () => {
    const model = join(folder, 'tiny-bert');
    await cp(join(FAMILIES, 'bert'), model, { recursive: true });
    try {
      const built = await convert(model, { bits: 4, say: () => undefined });
      expect(built.manifest).toMatchObject({
        id: 'tiny-bert',
        heads: ['mlm', 'nsp'],
        architecture: { family: 'bert' },
        special_tokens: { mask: { token: '[MASK]' }, unk: { token: '[UNK]' } },
        license: 'unknown',
      });
      expect(built.manifest.quantization['model.efm']?.weights).toMatch(/^4 bits/);
      expect(built.manifest.quantization['model.efm']?.error).toBeUndefined();
      expect(await readdir(model)).toContain('calibration.int4');

      const { revision, errors } = await measure(model, () => undefined, true);
      expect(revision).toBe(built.revision);
      const manifest = await parseManifest(
        await readFile(join(built.folder, 'manifest.json'), 'utf8'),
        built.id,
        revision,
      );
      expect(manifest).toMatchObject({ quantization: { 'model.efm': { error: errors['model.efm'] } } });

      expect(manifest).not.toHaveProperty(['quantization', 'model.onnx']);
      expect(built.manifest.files.map(({ name }) => name)).not.toContain('model.onnx');
      expect(await readdir(built.folder)).not.toContain('model.onnx');
      expect(await findNewestBuild('tiny-bert')).toEqual({ folder: built.folder, manifest });
      expect(await findNewestBuild(`tiny-bert@${revision}`)).toEqual({ folder: built.folder, manifest });
      expect(await findNewestBuild('tiny-bert@0000000000000000')).toBeUndefined();

      const again = await convert(model, { say: () => undefined });
      expect(again).toEqual({ ...built, manifest });
      // The newest one has changed, and its backends are recorded.
      for (const backend of ['both', undefined] as const) {
        const both = await convert(model, { ...(backend && { backend }), say: () => undefined });
        expect(both.manifest.files.map(({ name }) => name)).toEqual(
          expect.arrayContaining(['model.onnx', 'model.efm']),
        );
        expect((await findNewestBuild('tiny-bert'))?.folder).toBe(both.folder);
      }
      expect((await convert(model, { bits: 8, say: () => undefined })).revision).not.toBe(revision);
      expect(await readdir(model)).not.toContain('calibration.int4');
    } finally {
      await rm(join(BUILDS, 'tiny-bert'), { recursive: true, force: true });
    }
  }, 300_000);

  it.each([
    ['of one line', 'Only this line.\n', /calibration\.txt has only \d+ tokens, and 256 are needed/],
    [
      'in another script than the vocabulary',
      'Съешь же ещё этих мягких французских булок, да выпей чаю.\n'.repeat(50),
      /\d\d % of the tokens of \S+calibration\.txt are not in the vocabulary/,
    ],
  ])('says that a calibration text %s is not used, and uses the one that ships', async (_, text, why) => {
    const model = join(folder, 'tiny-calibrated');
    await cp(join(FAMILIES, 'bert'), model, { recursive: true });
    await writeFile(join(folder, 'calibration.txt'), text);
    const said: string[] = [];
    try {
      await convert(model, { say: (line) => said.push(line), text: join(folder, 'calibration.txt') });
      expect(said.find((line) => why.test(line))).toMatch(/: the text that ships is used instead$/);
      expect(await readdir(model)).toContain('calibration.json');
    } finally {
      await rm(join(BUILDS, 'tiny-calibrated'), { recursive: true, force: true });
    }
  });

  it('names a file that is a folder, and a folder that is a file', async () => {
    const model = join(folder, 'odd');
    await cp(join(FAMILIES, 'distilbert'), model, { recursive: true });
    await expect(convert(join(model, 'config.json'), { say: () => undefined })).rejects.toThrow(
      /config\.json is a file where the folder of a checkpoint should be/,
    );
    await rm(join(model, 'model.safetensors'));
    await expect(convert(model, { say: () => undefined })).rejects.toThrow(
      /odd has no weights: none of model\.safetensors, /,
    );
    await cp(join(FAMILIES, 'bert'), join(model, 'model.safetensors'), { recursive: true });
    await expect(convert(model, { say: () => undefined })).rejects.toThrow(
      /model\.safetensors is a folder where a file should be/,
    );
  });

  it('names a shard that is missing, and a tensor that is not where the index says', async () => {
    const model = join(folder, 'shards');
    await cp(join(FAMILIES, 'bert-untied'), model, { recursive: true });
    const index = join(model, 'model.safetensors.index.json');
    const { weight_map } = JSON.parse(await readFile(index, 'utf8')) as { weight_map: Record<string, string> };
    const [[first, shard] = ['', '']] = Object.entries(weight_map);
    const other = Object.values(weight_map).find((file) => file !== shard) ?? '';
    const attempt = async (map: Record<string, string>) => {
      await writeFile(index, JSON.stringify({ weight_map: map }));
      return readCheckpoint(model);
    };
    await expect(attempt({ ...weight_map, [first]: other })).rejects.toThrow(`has no tensor ${first}`);
    await expect(attempt({ ...weight_map, [first]: 'absent.safetensors' })).rejects.toThrow(
      'has no absent.safetensors',
    );
    await expect(attempt({ ...weight_map, [first]: '../bert/model.safetensors' })).rejects.toThrow(
      /is not a file name/,
    );
  });
});

/** Extends the two tensors with a row for each piece by zeros, which take no space on the disk. */
async function enlargeVocabulary(file: string, from: number, to: number): Promise<void> {
  const bytes = await readFile(file);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { shape?: number[]; data_offsets: [number, number] }
  >;
  const data = bytes.subarray(8 + headerBytes);
  let end = data.length;
  for (const entry of Object.values(header)) {
    // The metadata have none.
    const [rows, ...columns] = entry.shape ?? [];
    if (rows !== from) continue;
    entry.shape = [to, ...columns];
    const size = 2 * columns.reduce((a, b) => a * b, to);
    entry.data_offsets = [end, (end += size)];
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const handle = await open(file, 'w');
  try {
    await handle.write(Buffer.concat([length, json, data]));
    await handle.truncate(8 + json.length + end);
  } finally {
    await handle.close();
  }
}

const say = () => undefined;
/** A tensor with a storage of its own. */
const ofItsOwn = (key: string, shape: readonly number[]) =>
  tensor({ key, shape, count: shape.reduce((a, b) => a * b, 1) });

describe('weights in a pickle', () => {
  const id = `pickled-${process.pid}`;
  const build = join(BUILDS, id);
  let model: string;
  beforeEach(async () => {
    model = join(folder, id);
    await cp(join(FAMILIES, 'bert'), model, { recursive: true });
  });
  afterEach(async () => {
    for (const made of [model, build]) await rm(made, { recursive: true, force: true });
  });

  it('have the revision of the same in safetensors, for both backends', async () => {
    const built = async () => makeArtifacts({ ...(await readCheckpoint(model)), backend: 'both' });
    const before = await built();
    const tensors = await readTensors(model);
    tensors.delete('bert.embeddings.position_ids');
    const words = 'bert.embeddings.word_embeddings.weight';
    const entries = Array.from(tensors, ([name, { shape }]) => [name, ofItsOwn(name, shape)] as const);
    const tied = ofItsOwn(words, tensors.get(words)?.shape ?? []);
    const ids = tensor({ key: 'ids', type: 'LongStorage', count: 1, shape: [1, 1] });
    const data = {
      ...Object.fromEntries(entries),
      'cls.predictions.decoder.weight': tied,
      'bert.embeddings.position_ids': ids,
    };
    const storages = Array.from(tensors, ([name, one]) => [name, new Uint8Array(one.read().buffer)] as const);
    const all = { ...Object.fromEntries(storages), ids: new Uint8Array(8) };
    await writeFile(join(model, 'pytorch_model.bin'), archive(pickle(...ordered(data)), all));
    await rm(join(model, 'model.safetensors'));
    expect((await built()).listed).toEqual(before.listed);
    expect((await readCheckpoint(model)).weights.sentence?.head).toBe('nsp');
  });

  it.each([
    [
      'runs nothing',
      (file: string) => pickle(...call(global('os', 'system'), str(`touch ${file}`))),
      'names os.system',
    ],
    [
      'has too few numbers',
      () => pickle(...dict({ a: tensor({ count: 9, shape: [9] }) })),
      'has 4 bytes, and 9 numbers',
    ],
  ])('that %s is refused, and leaves no file', async (_, data, problem) => {
    await rm(join(model, 'model.safetensors'));
    await writeFile(join(model, 'pytorch_model.bin'), archive(data(join(model, 'ran')), { 0: floats(1) }));
    const before = await readdir(model);
    await expect(convert(model, { force: true, say })).rejects.toThrow(problem);
    expect(await readdir(model)).toEqual(before);
    expect(existsSync(build)).toBe(false);
  });
});

describe('findOrBuild', () => {
  it('names the revision that a checkpoint builds to where another one is asked for', async () => {
    // Not the id of a model that a user has pulled.
    const id = `find-test-${process.pid}`;
    const pulled = join(MODELS, '.pulled', id);
    try {
      await cp(join(FAMILIES, 'albert'), pulled, { recursive: true });
      const asked = findOrBuild(`${id}@0123456789abcdef`, () => undefined);
      const { message } = await asked.then(
        () => new Error('found'),
        (error: Error) => error,
      );
      const [revision] = await readdir(join(BUILDS, id));
      const now = `${id}@${revision}`;
      expect(message).toBe(
        `${id} builds to ${now}, not to ${id}@0123456789abcdef. To serve that one: npm run models -- use ${now}`,
      );
    } finally {
      for (const made of [pulled, join(BUILDS, id)]) await rm(made, { recursive: true, force: true });
    }
  });
});
