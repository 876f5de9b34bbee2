import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import {
  type Checkpoint,
  hasCheckpoint,
  makeArtifacts,
  readCheckpoint,
  weightsIn,
  writeBuild,
} from '../../../models/build/build.ts';
import { readCard } from '../../../models/build/card.ts';
import { BUILDS } from '../../../models/bucket/built.ts';
import { findAdded } from '../../../models/bucket/inventory.ts';
import { addModel } from '../../../models/commands/add.ts';
import { findOrBuild } from '../../../models/convert/find-or-build.ts';
import { selectedModel } from '../../../models/bucket/deployed.ts';
import { readQuantizationErrors, writeQuantizationErrors } from '../../../models/build/quantization-error.ts';
import { parseManifest } from '../../../src/model/manifest.ts';

let checkpoint: Checkpoint;
let folder: string;

beforeAll(async () => {
  checkpoint = await readCheckpoint(inject('built').id);
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a build', () => {
  it('makes the same files of the same checkpoint', async () => {
    const [one, other] = [await makeArtifacts(checkpoint), await makeArtifacts(await readCheckpoint(checkpoint.id))];
    expect(other.listed).toEqual(one.listed);
    expect(other.revision).toBe(one.revision);
  });

  it('is the one that wrangler.toml selects', () => {
    expect(selectedModel()).toEqual({ id: inject('built').id, revision: inject('built').revision });
  });

  it('has a manifest that describes it', async () => {
    const { id, revision, folder: built } = inject('built');
    const manifest = await parseManifest(await readFile(join(built, 'manifest.json'), 'utf8'), id, revision);
    expect(manifest).toMatchObject({
      id,
      revision,
      heads: ['mlm', 'sop'],
      special_tokens: { mask: { id: 103, token: '[MASK]' } },
    });
  });

  it('is small enough to be committed and to fit the edge', async () => {
    const { size: source } = new Blob([
      await readFile(join(checkpoint.folder, 'model.safetensors')),
      checkpoint.tokenizer.json,
    ]);
    expect(source).toBeLessThan(35_000_000);
    const artifacts = await makeArtifacts(checkpoint);
    expect(weightsIn(artifacts, 'model.onnx').length).toBeLessThan(20_000_000);
    expect(weightsIn(artifacts, 'model.efm').length).toBeLessThan(16_000_000);
  });

  it('has the weights of each layer and of the embeddings once', async () => {
    const {
      vocab_size: V,
      embedding_size: E,
      hidden_size: H,
      intermediate_size: F,
      max_position_embeddings: P,
      num_hidden_layers: N,
    } = checkpoint.weights.config;
    const int8 = V * E + N * (4 * H * H + 2 * H * F) + H * H;
    const float32 = 4 * (P * E + 2 * E * H + 2 * V + N * 16 * (H + F));
    const artifacts = await makeArtifacts(checkpoint);
    // Outlier channels are float32 in the graph.
    const outliers = checkpoint.plan.reduce(
      (sum, { query_key_value, attention, feed_forward, output }) =>
        sum +
        H * (3 * query_key_value.outliers.length + attention.outliers.length + output.outliers.length) +
        F * feed_forward.outliers.length,
      0,
    );
    expect(weightsIn(artifacts, 'model.onnx').length).toBeLessThan(int8 + 3 * outliers + float32 + 50_000);
    expect(weightsIn(artifacts, 'model.efm').length).toBeLessThan(int8 + float32 + 50_000);
  });
});

describe('the measured error', () => {
  const error = { texts: 1, masks: 2, top1_agreement: 1, mean_kl: 0.001, max_score_error: 0.01 };
  const errors = { 'model.onnx': error, 'model.efm': { ...error, masks: 3 } };

  it('is kept with the revision it belongs to', async () => {
    await writeQuantizationErrors(folder, { bits: 8, backend: 'both' }, { revision: 'a'.repeat(16), errors });
    expect(await readQuantizationErrors(folder, 'a'.repeat(16))).toEqual(errors);
  });

  it('is refused for another revision, with the command that measures it', async () => {
    await writeQuantizationErrors(folder, { bits: 8, backend: 'both' }, { revision: 'a'.repeat(16), errors });
    await expect(readQuantizationErrors(folder, 'b'.repeat(16))).rejects.toThrow(
      /measured on revision a+, .* b+: .* `npm run models -- measure`/,
    );
  });

  it('is demanded if there is none', async () => {
    await expect(readQuantizationErrors(join(folder, 'nothing'), 'a'.repeat(16))).rejects.toThrow(
      /has no measurement in quantization\.json: .* `npm run models -- measure`/,
    );
  });
});

describe('a checkpoint that lacks something', () => {
  it('is refused by the name of the file', async () => {
    await expect(readCheckpoint('no-such-model')).rejects.toThrow('models/no-such-model has no config.json');
  });

  it('is refused when it has ids for which there are no embeddings', async () => {
    const { folder: fixture } = await readCheckpoint('test/fixtures/families/bert');
    await cp(fixture, join(folder, 'bert'), { recursive: true });
    const file = join(folder, 'bert/tokenizer.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as { added_tokens: object[] };
    await writeFile(
      file,
      JSON.stringify({ ...json, added_tokens: [...json.added_tokens, { id: 700, content: '[X]' }] }),
    );
    await expect(readCheckpoint(join(folder, 'bert'))).rejects.toThrow(/the added token \[X\] has the id 700/);
  });
});

describe('where a model is from', () => {
  it('is what its card says, and unknown without one', async () => {
    expect(await readCard(join(folder, 'nothing'))).toMatchObject({ license: 'unknown' });
    await writeFile(join(folder, 'README.md'), '---\nlicense: mit\nsource: here\n---\n');
    expect(await readCard(folder)).toEqual({ license: 'mit', source: 'here' });
  });
});

describe('a model that was built from a folder', () => {
  const id = `folder-test-${process.pid}`;
  afterAll(() => rm(join(BUILDS, id), { recursive: true, force: true }));

  it('is found by its id, until the folder is gone: then its build is', async () => {
    const place = join(folder, id);
    await cp(join(import.meta.dirname, '../../fixtures/families/albert'), place, { recursive: true });
    await expect(readCheckpoint(id)).rejects.toThrow(`models/${id} has no config.json`);
    const read = await readCheckpoint(place);
    const { revision } = await writeBuild(read, await makeArtifacts(read), undefined);
    expect(await readCheckpoint(id)).toMatchObject({ id, folder: place });
    expect(hasCheckpoint(id)).toBe(true);
    expect(await findAdded()).toContainEqual(expect.objectContaining({ model: id, note: place }));

    await rm(place, { recursive: true });
    expect(hasCheckpoint(id)).toBe(false);
    await expect(readCheckpoint(id)).rejects.toThrow(`${id} was built from ${place}, which is gone`);
    expect((await findOrBuild(id, () => undefined)).manifest.revision).toBe(revision);
    expect(await findAdded()).not.toContainEqual(expect.objectContaining({ model: id }));
  });

  it('may not have the id of another checkpoint, which the id would find', async () => {
    const place = join(folder, 'albert-edge');
    await cp(join(import.meta.dirname, '../../fixtures/families/albert'), place, { recursive: true });
    await expect(addModel(place, {})).rejects.toThrow(`has the id albert-edge already: rename the folder ${place}`);
    expect((await readCheckpoint('albert-edge')).folder).toMatch(/models\/albert-edge$/);
  });
});
