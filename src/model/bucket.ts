/** Reads the objects of a model and checks them before they are used: length first, then SHA-256. Does I/O. */
import { CLOCK } from '../concurrency/clock.ts';
import { emitEvent } from '../concurrency/events.ts';
import { withTimeout } from '../concurrency/with-timeout.ts';
import type { ModelBytes } from '../inference/backend.ts';
import { R2_READ_BYTES, READ_RETRIES_MS, READ_TIMEOUT_MS } from '../limits.ts';
import { type Manifest, type ModelFile, objectKey, parseManifest, sha256Hex } from './manifest.ts';
import type { ObjectStore, RestOf, StoredObject } from './object-store.ts';

/** The store's fault, not the caller's: which object it is, and what is wrong with it. */
export class ModelObjectError extends Error {
  override readonly name: string = 'ModelObjectError';
  readonly key: string;

  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(`The object ${key} ${problem}.`, options);
    this.key = key;
  }
}

/** A read that may succeed when it is tried again: the store failed, stalled, or broke off. */
class TransientReadError extends ModelObjectError {
  override readonly name = 'TransientReadError';
}

/**
 * Tries again, after a pause with jitter, what the store failed to read.
 * @param beat is called after each pause
 * @param progress grows when a try brings a part. The pauses then start over
 * @throws what `read` throws in the end
 */
async function retryReads<T>(beat: () => void, read: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
  let before = progress();
  for (let failures = 0; ;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TransientReadError)) throw error;
      if (progress() > before) failures = 0;
      before = progress();
      const pause = READ_RETRIES_MS[failures++];
      if (pause === undefined) throw error;
      emitEvent({ event: 'read_retried', key: error.key, problem: error.message });
      await CLOCK.sleep(pause * (1 + Math.random()));
      beat();
    }
  }
}

/** @throws {TransientReadError} after READ_TIMEOUT_MS, and when `reading` fails */
async function withDeadline<T>(key: string, reading: Promise<T>): Promise<T> {
  let cause: unknown;
  const found = await withTimeout(
    READ_TIMEOUT_MS,
    reading.catch((error: unknown) => {
      cause = error;
      throw error;
    }),
  );
  if (found) return found.value;
  if (cause !== undefined) throw new TransientReadError(key, 'could not be read from the bucket', { cause });
  throw new TransientReadError(key, `brought no byte within ${READ_TIMEOUT_MS} ms`);
}

/** Manifests are about 2 kB. */
const MAX_MANIFEST_BYTES = 64 * 1024;

/** @throws {ModelObjectError} when it is missing, damaged, or another model's */
export async function readManifest(
  store: ObjectStore,
  id: string,
  revision: string,
  beat: () => void,
): Promise<Manifest> {
  const key = objectKey(id, revision, 'manifest.json');
  const object = await open(store, key, beat);
  if (object.size > MAX_MANIFEST_BYTES) {
    await object.body.cancel();
    throw new ModelObjectError(key, `has ${object.size} bytes, more than a manifest may have (${MAX_MANIFEST_BYTES})`);
  }
  const read: ModelBytes['read'] = (take) => readPieces(store, key, object, beat, take);
  const text = new TextDecoder().decode(await whole({ size: object.size, read }));
  const manifest = await parseManifest(text, id, revision);
  if ('wrong' in manifest) throw new ModelObjectError(key, manifest.wrong);
  return manifest;
}

/**
 * @returns the file, not read yet
 * @throws {ModelObjectError} when it is missing, or of another length than the manifest says
 */
export async function openModelFile(
  store: ObjectStore,
  manifest: Manifest,
  name: ModelFile,
  beat: () => void,
): Promise<ModelBytes> {
  const key = objectKey(manifest.id, manifest.revision, name);
  const listed = manifest.files.find((file) => file.name === name);
  if (!listed) {
    throw new ModelObjectError(objectKey(manifest.id, manifest.revision, 'manifest.json'), `lists no ${name}`);
  }
  const object = await open(store, key, beat);
  if (object.size !== listed.bytes) {
    await object.body.cancel();
    throw new ModelObjectError(key, `has ${object.size} bytes where the manifest says ${listed.bytes}`);
  }
  return {
    size: object.size,
    read: (take) => readPieces(store, key, object, beat, take),
    async verify(bytes) {
      if ((await sha256Hex(bytes)) !== listed.sha256) {
        throw new ModelObjectError(key, 'was altered: its SHA-256 is not the one in the manifest');
      }
    },
  };
}

/** @throws {ModelObjectError} when it is missing, short, long, or altered */
export async function readModelFile(
  store: ObjectStore,
  manifest: Manifest,
  name: ModelFile,
  beat: () => void,
): Promise<Uint8Array> {
  const file = await openModelFile(store, manifest, name, beat);
  const bytes = await whole(file);
  await file.verify(bytes);
  return bytes;
}

type Opened = Required<StoredObject>;

const open = (store: ObjectStore, key: string, beat: () => void): Promise<Opened> =>
  retryReads(beat, () => openOnce(store, key));

async function openOnce(store: ObjectStore, key: string, rest?: RestOf): Promise<Opened> {
  const object = await withDeadline(key, store.get(key, rest));
  if (!object) throw new ModelObjectError(key, 'is missing from the bucket');
  const { size, etag, body } = object;
  if (!body) throw new ModelObjectError(key, 'was replaced while it was read');
  return { size, etag, body };
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

/** The standard reader of bytes. The types of workers lack `min`. */
interface ByteReader {
  read(
    view: Uint8Array,
    options: { readonly min: number },
  ): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> }>;
  cancel(): Promise<void>;
}

/**
 * Reads in large pieces, each with a deadline. A read that fails goes on where the last byte came. From then on any byte counts,
 * so that a slow store differs from one that stalls.
 */
async function readPieces(
  store: ObjectStore,
  key: string,
  { size, etag, body: first }: Opened,
  beat: () => void,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  let filled = 0;
  let least = R2_READ_BYTES;
  async function readRest(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader({ mode: 'byob' }) as unknown as ByteReader;
    let spare = new ArrayBuffer(Math.min(R2_READ_BYTES, size - filled + 1));
    try {
      for (;;) {
        const min = Math.min(least, spare.byteLength);
        const { value, done } = await withDeadline(key, reader.read(new Uint8Array(spare), { min }));
        beat();
        if (value) {
          if (filled + value.length > size)
            throw new ModelObjectError(key, `is longer than the ${size} bytes it claims`);
          take(value);
          filled += value.length;
          spare = value.buffer;
        }
        if (done) break;
      }
    } catch (error) {
      // Not awaited: a body that stalls may never be cancelled.
      reader.cancel().catch(() => undefined);
      throw error;
    }
    if (filled !== size) throw new TransientReadError(key, `ended after ${filled} of ${size} bytes`);
  }
  let isFirst = true;
  await retryReads(
    beat,
    async () => {
      if (isFirst) {
        isFirst = false;
        return readRest(first);
      }
      // A body may bring its last byte and then stall.
      if (filled === size) return undefined;
      least = 1;
      const { body } = await openOnce(store, key, { range: { offset: filled }, onlyIf: { etagMatches: etag } });
      return readRest(body);
    },
    () => filled,
  );
}
