/** Pushing a build to a bucket through workerd's R2. */
import { cp, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { parseIndex, withRevision } from '../../../models/bucket/bucket-index.ts';
import { type Built, findBuild } from '../../../models/bucket/built.ts';
import { type LocalBucket, withLocalBucket } from '../../../models/bucket/local.ts';
import { push } from '../../../models/bucket/push.ts';
import {
  findBuilds,
  findCheckpoints,
  findDeployed,
  groupObjects,
  listIndex,
  printInventory,
} from '../../../models/bucket/inventory.ts';
import { revisionOf, sealManifest, sha256Hex } from '../../../src/model/manifest.ts';

const INDEX = 'models/index.json';
const { id, revision: defaultRevision, files: names } = inject('built');

let state: string;
let built: Built;
let revision: string;
let keys: string[];

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  built = await smallBuild(await defaultBuild());
  ({ revision } = built.manifest);
  keys = names.map((name) => `models/${id}/${revision}/${name}`);
});
afterEach(() => rm(state, { recursive: true }));

async function defaultBuild(): Promise<Built> {
  const found = await findBuild(id, defaultRevision);
  if (!found) throw new Error('the default model is not built');
  return found;
}

/** The default model with a few hundred bytes instead of each file: a bucket does not look into them. */
async function smallBuild({ manifest }: Built): Promise<Built> {
  const folder = join(state, 'built');
  await mkdir(folder);
  const files = await Promise.all(
    manifest.files.map(async ({ name }) => {
      const content = new TextEncoder().encode(`The content of ${name}. `.repeat(10));
      await writeFile(join(folder, name), content);
      return { name, bytes: content.length, sha256: await sha256Hex(content) };
    }),
  );
  const { checksum: _, ...unsealed } = manifest;
  const small = await sealManifest({ ...unsealed, revision: await revisionOf(files), files });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(small));
  return { folder, manifest: small };
}

const bytesOf = async (folder: string) =>
  (await Promise.all(names.map((name) => stat(join(folder, name))))).reduce((sum, { size }) => sum + size, 0);

/** The bucket of a local worker whose state is in `state`. */
const withBucket = <T>(use: (bucket: LocalBucket) => Promise<T>) => withLocalBucket(use, join(state, 'v3'));

const readText = async (bucket: LocalBucket, key: string) => new TextDecoder().decode(await bucket.read(key));

async function expectWhole(bucket: LocalBucket) {
  for (const { name, bytes, sha256 } of built.manifest.files) {
    const object = (await bucket.read(`models/${id}/${revision}/${name}`)) ?? new Uint8Array();
    expect([name, object.length, await sha256Hex(new Uint8Array(object))]).toEqual([name, bytes, sha256]);
  }
  expect(JSON.parse(await readText(bucket, `models/${id}/${revision}/manifest.json`))).toEqual(built.manifest);
}

describe('push', () => {
  it('uploads the weights first, then the manifest, and the index last', async () => {
    // Of real size.
    built = await defaultBuild();
    ({ revision } = built.manifest);
    keys = names.map((name) => `models/${id}/${revision}/${name}`);
    await withBucket(async (bucket) => {
      expect(await push(built, bucket)).toEqual([...keys, INDEX]);
      expect(keys.at(-1)).toMatch(/manifest\.json$/);
      await expectWhole(bucket);
      const [entry, ...others] = parseIndex(await readText(bucket, INDEX));
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ id, revision, family: 'albert' });
      expect(entry?.files.map(({ name }) => name)).toEqual(names);
      const objects = await bucket.list();
      expect(objects.map(({ key }) => key).toSorted()).toEqual([...keys, INDEX].toSorted());
      for (const { name, bytes } of entry?.files ?? []) {
        expect(objects.find(({ key }) => key.endsWith(name))?.bytes, name).toBe(bytes);
      }
    });
  });

  it('writes nothing the second time, and only objects that are missing or of another size', async () => {
    await withBucket(async (bucket) => {
      await push(built, bucket);
      const index = await readText(bucket, INDEX);
      expect(await push(built, bucket)).toEqual([]);
      await bucket.put(keys[0] ?? '', new Blob(['short']));
      expect(await push(built, bucket)).toEqual([keys[0]]);
      expect(await readText(bucket, INDEX)).toBe(index);
      await expectWhole(bucket);
    });
  });

  it('uploads the weights of one backend, and adds those of the other to the index later', async () => {
    await withBucket(async (bucket) => {
      const filesOf = async () => parseIndex(await readText(bucket, INDEX))[0]?.files.map(({ name }) => name);
      const shares: number[] = [];
      const written = await push(built, bucket, {
        weights: ['model.efm'],
        progress: (share) => shares.push(share),
      });
      expect(written).toEqual([...keys.filter((key) => !key.endsWith('model.onnx')), INDEX]);
      expect(shares.at(-1)).toBe(1);
      expect(await filesOf()).not.toContain('model.onnx');
      await push(built, bucket, { weights: ['model.onnx'] });
      expect(await filesOf()).toEqual(names);
      await expectWhole(bucket);
    });
  });

  it.each([
    ['cut', 'bytes instead of', (file: string) => truncate(file, 100)],
    [
      'altered',
      'was altered',
      async (file: string) => {
        const bytes = await readFile(file);
        bytes[50] = (bytes[50] ?? 0) ^ 1;
        await writeFile(file, bytes);
      },
    ],
  ])('refuses a file that was %s since it was built', async (_, problem, spoil) => {
    for (const name of ['model.efm', 'manifest.json']) {
      const folder = join(state, 'copy');
      await cp(built.folder, folder, { recursive: true });
      await spoil(join(folder, name));
      await withBucket(async (bucket) => {
        await expect(push({ ...built, folder }, bucket)).rejects.toThrow(
          name === 'model.efm' ? problem : join(folder, name),
        );
        expect((await bucket.list()).map(({ key }) => key)).not.toContain(`models/${id}/${revision}/${name}`);
        expect(await bucket.read(INDEX)).toBeUndefined();
      });
    }
  });

  it('refuses a damaged index', async () => {
    await withBucket(async (bucket) => {
      await bucket.put(INDEX, new Blob(['[{"id": "x"}]']));
      await expect(push(built, bucket)).rejects.toThrow('models/index.json is damaged: delete that object');
    });
  });
});

describe('the index of a bucket', () => {
  const now = new Date('2026-01-02T03:04:05.000Z');
  const later = new Date('2027-01-01T00:00:00.000Z');
  const files = [{ name: 'model.efm', bytes: 5 }];

  it('keeps the other revisions, and the date of the first push of each', () => {
    const other = { id: 'other', revision: '0'.repeat(16), family: 'bert', files, pushed: now.toISOString() };
    const index = withRevision([other], built.manifest, files, now);
    expect(index).toEqual([other, { id, revision, family: 'albert', files, pushed: '2026-01-02T03:04:05.000Z' }]);
    expect(withRevision(index, built.manifest, files, later)).toBe(index);
    const [, changed] = withRevision(index, built.manifest, [{ name: 'model.efm', bytes: 6 }], later);
    expect(changed).toMatchObject({ pushed: now.toISOString(), files: [{ bytes: 6 }] });
    expect(parseIndex(JSON.stringify(index))).toEqual(index);
  });
});

describe('the inventory', () => {
  it('lists the committed and the downloaded checkpoints', async () => {
    const [pulled, broken] = [join(state, '.pulled/base'), join(state, '.pulled/broken')];
    for (const folder of [join(state, 'mine'), join(state, 'engine'), pulled, broken]) {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'model.safetensors'), new Uint8Array(1_500_000));
    }
    await writeFile(join(state, 'mine/config.json'), '{}');
    const source = { hub: 'somebody/base', commit: '123456789', license: 'mit', files: [] };
    await writeFile(join(pulled, 'source.json'), JSON.stringify(source));
    const held = await findCheckpoints(state);
    expect(held).toMatchObject([
      { model: 'mine', place: 'checkpoint', bytes: 1_500_002 },
      { model: 'base', place: 'pulled', note: 'somebody/base@1234567, mit' },
      { model: 'broken', place: 'pulled', bytes: 1_500_000, note: 'incomplete: pull it again' },
    ]);
    expect(held.every(({ date }) => Math.abs(Number(date) - Date.now()) < 600_000)).toBe(true);
  });

  it('lists the builds, the contents of a bucket and what is deployed', async () => {
    const [model, small] = [`${id}@${defaultRevision}`, `${id}@${revision}`];
    const { folder } = await defaultBuild();
    expect((await findBuilds()).find((one) => one.model === model)).toMatchObject({
      place: 'build',
      bytes: await bytesOf(folder),
    });
    await withBucket(async (bucket) => {
      await push(built, bucket);
      const held = { model: small, bytes: await bytesOf(built.folder) };
      expect(groupObjects(await bucket.list())).toMatchObject([{ ...held, place: 'local bucket', note: '' }]);
      expect(listIndex(parseIndex(await readText(bucket, INDEX)))).toMatchObject([held]);
    });
    expect(findDeployed(join(import.meta.dirname, '../../../wrangler.toml'))).toEqual([
      { model, place: 'wrangler.toml', note: 'without --env' },
      { model, place: 'wrangler.toml', note: '--env onnxruntime' },
      { model, place: 'wrangler.toml', note: '--env staging' },
    ]);
  });

  it('marks an incomplete revision in the bucket', () => {
    const date = new Date(0);
    expect(groupObjects([{ key: 'models/a/1/model.efm', bytes: 3, date }])).toMatchObject([
      { model: 'a@1', note: 'incomplete: push it again' },
    ]);
  });

  it('is a table with aligned columns', () => {
    const date = new Date('2026-01-02T03:04:05Z');
    expect(
      printInventory([
        { model: 'b@1', place: 'wrangler.toml', note: 'without --env' },
        { model: 'a', place: 'pulled', bytes: 440_000_000, date, note: 'x/a@1, mit' },
        { model: 'a@1', place: 'build', bytes: 1_000_000, date },
      ]),
    ).toBe(
      [
        'a    pulled         440.0 MB  2026-01-02 03:04  x/a@1, mit',
        'a@1  build            1.0 MB  2026-01-02 03:04',
        'b@1  wrangler.toml                              without --env',
      ].join('\n'),
    );
  });
});
