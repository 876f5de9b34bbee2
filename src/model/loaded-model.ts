/** A model ready to answer: its manifest, tokenizer and backend. Does I/O through the store. */
import type { RunQueue } from '../concurrency/run-queue.ts';
import { LeaseLost } from '../concurrency/shared-value.ts';
import type { RequestError } from '../errors.ts';
import type { Backend, BackendKind, WeightsFile } from '../inference/backend.ts';
import type { Result } from '../result.ts';
import { createTokenizer } from '../tokenizer/create-tokenizer.ts';
import { findMasks } from '../tokenizer/masks.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ModelObjectError, openModelFile, readModelFile } from './bucket.ts';
import { costModelOf } from './cost.ts';
import { type Manifest, type ModelFile, objectKey } from './manifest.ts';
import type { ObjectStore } from './object-store.ts';

export interface LoadedTokenizer {
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
}

export interface LoadedModel extends LoadedTokenizer {
  /** Runs must not overlap: take a turn of the queue for each. */
  readonly backend: Backend;
  readonly queue: RunQueue;
  /** Multiply-adds that one request may ask for. */
  readonly max_work: number;
  /** Loads the model again, for a request that waited for its turn while the weights were released. */
  readonly reload?: () => Promise<LoadedModel>;
  /** Charges the budget of a request's caller before its work runs. @param work multiply-adds @param beat is called on progress */
  readonly charge?: (work: number, beat: () => void) => Promise<Result<undefined, RequestError>>;
  /** Is told how long a request waited for its turns, in milliseconds. */
  readonly waited?: (ms: number) => void;
}

/**
 * @param beat is called on progress
 * @throws {ModelObjectError} when the store does not hold what the manifest lists, or holds what cannot be used
 */
export async function loadTokenizer(store: ObjectStore, manifest: Manifest, beat: () => void): Promise<Tokenizer> {
  const bytes = await readModelFile(store, manifest, 'tokenizer.bin', beat);
  return use(manifest, 'tokenizer.bin', () => createTokenizer(bytes, manifest.special_tokens));
}

/** @throws {ModelObjectError} likewise */
export async function loadBackend(
  store: ObjectStore,
  manifest: Manifest,
  kind: BackendKind,
  beat: () => void,
): Promise<Backend> {
  const file = await openModelFile(store, manifest, kind.file, beat);
  return use(manifest, kind.file, () => kind.create(file));
}

/**
 * Compares a loaded model with its manifest, by what its file says and by a run of one mask, before it answers anybody.
 * @param max_work multiply-adds of one request: the longest text must be within them
 * @throws {ModelObjectError} when they differ, or the logits are not finite
 */
export async function checkModel(
  manifest: Manifest,
  tokenizer: Tokenizer,
  backend: Backend,
  file: WeightsFile,
  max_work: number,
): Promise<void> {
  const { architecture, heads, id, revision } = manifest;
  const reject = (problem: string) => new ModelObjectError(objectKey(id, revision, file), `cannot be used: ${problem}`);
  for (const [name, expected] of Object.entries(architecture)) {
    const found = backend.architecture?.[name];
    if (found !== undefined && found !== expected) {
      throw reject(`its ${name} is ${JSON.stringify(found)}, and the manifest says ${expected}`);
    }
  }
  checkLongestText(manifest, file, max_work, 'MAX_REQUEST_GMACS');
  const [logits] = await use(manifest, file, () => backend.run([tokenizer.encode(findMasks('[MASK]'))]));
  const found = logits?.mlm.length;
  if (!logits || found !== architecture.vocab_size) {
    throw reject(`it has ${found} logits, and the manifest says ${architecture.vocab_size}`);
  }
  const labels = heads.some((head) => head !== 'mlm') ? 2 : 0;
  if (logits.sentence.length !== labels) {
    throw reject(`its sentence head has ${logits.sentence.length} labels, and the manifest says ${labels}`);
  }
  if (!logits.mlm.every(Number.isFinite) || !logits.sentence.every(Number.isFinite)) {
    throw reject('its logits are not finite numbers');
  }
}

/**
 * Refuses a model of which no request may ask the longest text.
 * @param limit multiply-adds of one request
 * @param setting the variable that raises the limit
 * @throws {ModelObjectError} that names it
 */
export function checkLongestText(
  { id, revision, architecture }: Manifest,
  file: WeightsFile,
  limit: number,
  setting: 'MAX_REQUEST_GMACS' | 'EXPENSIVE_LIMIT',
): void {
  const { max_position_embeddings: tokens } = architecture;
  const work = costModelOf(architecture).text(tokens, 1);
  if (work <= limit) return;
  const why =
    setting === 'MAX_REQUEST_GMACS'
      ? `a request may ask for ${giga(limit)}: raise MAX_REQUEST_GMACS`
      : `the budget of a minute pays for ${giga(limit)}: raise the limit of EXPENSIVE_RATE_LIMITER and the variable EXPENSIVE_LIMIT`;
  throw new ModelObjectError(
    objectKey(id, revision, file),
    `cannot be used: one text of ${tokens} tokens needs ${giga(work)} billion multiply-adds, and ${why}`,
  );
}

const giga = (work: number): string => (work / 1e9).toFixed(1);

/** Blames the object for what fails, unless the request has to stop for another reason. */
async function use<T>(manifest: Manifest, name: ModelFile, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (cause instanceof ModelObjectError || cause instanceof LeaseLost) throw cause;
    const key = objectKey(manifest.id, manifest.revision, name);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelObjectError(key, `cannot be used: ${reason}`, { cause });
  }
}
