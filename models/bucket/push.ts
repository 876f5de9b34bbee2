/** Uploads a build to a bucket and adds it to the bucket's index. Does I/O. */
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { WeightsFile } from '../../src/inference/backend.ts';
import { type ModelFile, objectKey } from '../../src/model/manifest.ts';
import { type BucketIndex, INDEX_KEY, type IndexedFile, parseIndex, withRevision } from './bucket-index.ts';
import { type Built, checkBuiltFile } from './built.ts';

/** A bucket of models, however it is reached. */
export interface ModelBucket {
  /** Whether the object exists with the content of this file, as far as the bucket can tell without reading it. */
  readonly holds: (key: string, file: string) => Promise<boolean>;
  /** The whole object, if it exists. */
  readonly read: (key: string) => Promise<Uint8Array | undefined>;
  readonly put: (key: string, content: Blob) => Promise<void>;
}

interface PushOptions {
  /** The files of weights to upload, if not all: a backend reads one of them. */
  readonly weights?: readonly WeightsFile[];
  /** Is told which share of the bytes is uploaded. */
  readonly progress?: (share: number) => void;
}

/**
 * If two processes push to one bucket at once, the index may lack one of the models; the next push of that model repairs it.
 * @returns the keys that were written: none if the model was complete
 * @throws before sending a file that differs from the manifest
 */
export async function push(built: Built, bucket: ModelBucket, options: PushOptions = {}): Promise<string[]> {
  const { folder, manifest } = built;
  const { id, revision } = manifest;
  const { weights, progress = () => undefined } = options;
  const index = await readIndex(bucket);
  const written: string[] = [];
  const put = async (name: ModelFile | 'manifest.json') => {
    const key = objectKey(id, revision, name);
    await checkBuiltFile(built, name);
    await bucket.put(key, await openAsBlob(join(folder, name)));
    written.push(key);
  };

  const wanted = manifest.files.filter(
    ({ name }) => !weights || !isWeights(name) || weights.some((file) => file === name),
  );
  const all = sum(wanted);
  for (const [i, { name }] of wanted.entries()) {
    if (!(await bucket.holds(objectKey(id, revision, name), join(folder, name)))) await put(name);
    progress(sum(wanted.slice(0, i + 1)) / all);
  }
  // The manifest is last: if it exists, so does the rest. It is compared by content, since a revision can be measured again.
  const text = await readFile(join(folder, 'manifest.json'));
  const there = await bucket.read(objectKey(id, revision, 'manifest.json'));
  if (!there || !text.equals(there)) await put('manifest.json');

  const before = index.find((entry) => entry.id === id && entry.revision === revision)?.files ?? [];
  const names = new Set([...wanted, ...before].map(({ name }) => name));
  const files = manifest.files
    .filter(({ name }) => names.has(name))
    .map(({ name, bytes }): IndexedFile => ({ name, bytes }));
  files.push({ name: 'manifest.json', bytes: text.length });
  const updated = withRevision(index, manifest, files, new Date());
  if (updated !== index) {
    await bucket.put(INDEX_KEY, new Blob([JSON.stringify(updated, null, 2)]));
    written.push(INDEX_KEY);
  }
  return written;
}

const isWeights = (name: ModelFile): boolean => !name.startsWith('tokenizer');
const sum = (files: readonly { readonly bytes: number }[]): number => files.reduce((all, { bytes }) => all + bytes, 0);

/** The contents of a bucket by its own index. @throws if the index is damaged */
export async function readIndex(bucket: ModelBucket): Promise<BucketIndex> {
  const bytes = await bucket.read(INDEX_KEY);
  return bytes ? parseIndex(new TextDecoder().decode(bytes)) : [];
}
