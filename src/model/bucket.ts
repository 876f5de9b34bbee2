/** Reads a model's objects and checks them before they are used: length first, then SHA-256. Does I/O. */
import type { ModelBytes } from '../inference/backend.ts';
import { R2_READ_BYTES } from '../limits.ts';
import { type Manifest, type ModelFile, objectKey, parseManifest, sha256Hex } from './manifest.ts';

/** Where bytes come from. `R2Bucket` is one. */
export interface ObjectStore {
  get(key: string): Promise<{ readonly size: number; readonly body: ReadableStream<Uint8Array> } | null>;
}

/** The store's fault, not the caller's: which object it is, and what is wrong with it. Not remembered by anyone. */
export class ModelObjectError extends Error {
  override readonly name = 'ModelObjectError';
  readonly key: string;

  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(`The object ${key} ${problem}.`, options);
    this.key = key;
  }
}

/** Manifests are about 2 kB. */
const MAX_MANIFEST_BYTES = 64 * 1024;

/** @throws {ModelObjectError} when it is missing, damaged, or another model's */
export async function readManifest(store: ObjectStore, id: string, revision: string): Promise<Manifest> {
  const key = objectKey(id, revision, 'manifest.json');
  const object = await open(store, key);
  if (object.size > MAX_MANIFEST_BYTES) {
    await object.body.cancel();
    throw new ModelObjectError(key, `has ${object.size} bytes, more than a manifest may have (${MAX_MANIFEST_BYTES})`);
  }
  const read: ModelBytes['read'] = (take) => readPieces(key, object.body, object.size, take);
  const text = new TextDecoder().decode(await whole({ size: object.size, read }));
  const manifest = await parseManifest(text, id, revision);
  if ('wrong' in manifest) throw new ModelObjectError(key, manifest.wrong);
  return manifest;
}

/**
 * @returns the file, not read yet
 * @throws {ModelObjectError} when it is missing, or of another length than the manifest says
 */
export async function openModelFile(store: ObjectStore, manifest: Manifest, name: ModelFile): Promise<ModelBytes> {
  const key = objectKey(manifest.id, manifest.revision, name);
  const listed = manifest.files.find((file) => file.name === name);
  if (!listed) {
    throw new ModelObjectError(objectKey(manifest.id, manifest.revision, 'manifest.json'), `lists no ${name}`);
  }
  const object = await open(store, key);
  if (object.size !== listed.bytes) {
    await object.body.cancel();
    throw new ModelObjectError(key, `has ${object.size} bytes where the manifest says ${listed.bytes}`);
  }
  return {
    size: object.size,
    read: (take) => readPieces(key, object.body, object.size, take),
    async verify(bytes) {
      if ((await sha256Hex(bytes)) !== listed.sha256) {
        throw new ModelObjectError(key, 'was altered: its SHA-256 is not the one in the manifest');
      }
    },
  };
}

/** @throws {ModelObjectError} when it is missing, short, long, or altered */
export async function readModelFile(store: ObjectStore, manifest: Manifest, name: ModelFile): Promise<Uint8Array> {
  const file = await openModelFile(store, manifest, name);
  const bytes = await whole(file);
  await file.verify(bytes);
  return bytes;
}

async function open(store: ObjectStore, key: string) {
  let object;
  try {
    object = await store.get(key);
  } catch (cause) {
    throw new ModelObjectError(key, 'could not be read from the bucket', { cause });
  }
  if (!object) throw new ModelObjectError(key, 'is missing from the bucket');
  return object;
}

async function whole({ size, read }: Pick<ModelBytes, 'size' | 'read'>): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  await read((piece) => {
    bytes.set(piece, filled);
    filled += piece.length;
  });
  return bytes;
}

/** By large reads into one buffer that goes to and fro. */
async function readPieces(
  key: string,
  body: ReadableStream<Uint8Array>,
  size: number,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' });
  let spare = new ArrayBuffer(R2_READ_BYTES);
  let filled = 0;
  for (;;) {
    let read;
    try {
      read = await reader.readAtLeast(R2_READ_BYTES, new Uint8Array(spare));
    } catch (cause) {
      throw new ModelObjectError(key, 'could not be read to its end', { cause });
    }
    if (read.value) {
      filled += read.value.length;
      try {
        if (filled > size) throw new ModelObjectError(key, `is longer than the ${size} bytes it claims`);
        take(read.value);
      } catch (error) {
        await reader.cancel();
        throw error;
      }
      spare = read.value.buffer;
    }
    if (read.done) break;
  }
  if (filled !== size) throw new ModelObjectError(key, `ended after ${filled} of ${size} bytes`);
}
