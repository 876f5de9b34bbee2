/** Downloads a model from the Hub to models/.pulled/<id>/, unless it is there already. Does I/O. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readIndex } from '../checkpoint/files.ts';
import { MAX_MODEL_BYTES, MAX_TEXT_BYTES, STALL_MS } from './limits.ts';
import { hasContent, type ListedFile } from './content-hash.ts';
import { explainDiskError } from './disk-error.ts';
import { download, type Transfer } from './download.ts';
import { fetchWithRetries, PAUSES_MS } from './retry.ts';
import { openRepository } from './repository.ts';
import { canBePulled, isShard, selectFiles, shardsOf } from './selection.ts';
import { pulledFolder, readSource, SOURCE, type Source } from './source.ts';

const MODELS = join(import.meta.dirname, '..');

export interface PullOptions {
  readonly revision?: string | undefined;
  /** The local name of the model; by default its name on the Hub in lower case. */
  readonly id?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  /** The folder of all models. */
  readonly models?: string;
  readonly pausesMs?: readonly number[];
  readonly stallMs?: number;
  /** Gets the fraction of the bytes that are there. */
  readonly progress?: (share: number) => void;
  /** Gets the reason for a pause. */
  readonly say?: (line: string) => void;
}

export interface Pulled {
  readonly id: string;
  readonly folder: string;
  readonly source: Source;
  /** Whether anything was downloaded or moved into place. */
  readonly changed: boolean;
}

/**
 * The files appear once all of them are complete and verified, source.json last: a folder that has it is complete.
 * @param name `<owner>/<name>`
 * @throws with the remedy
 */
export async function pull(name: string, options: PullOptions = {}): Promise<Pulled> {
  const { pausesMs = PAUSES_MS, stallMs = STALL_MS, models = MODELS } = options;
  const { progress = () => undefined, say = () => undefined } = options;
  const id = options.id ?? name.replace(/.*\//, '').toLowerCase();
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id)) {
    throw new Error(`"${id}" is not a valid model id: give one with --id, of a-z, 0-9, ".", "_" and "-"`);
  }
  if (existsSync(join(models, id))) {
    throw new Error(`${join(models, id)} already exists: give ${name} another id with --id`);
  }
  const folder = pulledFolder(models, id);
  const repository = await openRepository(name, options.revision, {
    endpoint: options.endpoint,
    token: options.token,
    fetch: fetchWithRetries(pausesMs, stallMs, say),
    stallMs,
  });
  try {
    const before = await readSource(folder);
    if (before && before.hub !== repository.hub) {
      throw new Error(`${folder} has ${before.hub}: give ${repository.hub} another id with --id`);
    }
    if (before?.commit === repository.commit && (await areThere(folder, before.files))) {
      return { id, folder, source: before, changed: false };
    }

    await mkdir(folder, { recursive: true });
    const parts = await fetchParts(folder, { repository, pausesMs, stallMs, progress });
    const files = [...parts.keys()];
    const { hub, commit, license } = repository;
    const source = { hub, commit, license, files };
    await putInPlace(folder, parts, source);
    return { id, folder, source, changed: true };
  } catch (error) {
    throw explainDiskError(error);
  }
}

/** Compares sizes only: each file was verified when it was put there. */
async function areThere(folder: string, files: readonly ListedFile[]): Promise<boolean> {
  const sizes = await Promise.all(files.map(async ({ name }) => sizeOf(join(folder, name))));
  return files.every(({ bytes }, i) => sizes[i] === bytes);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
}

/** @returns the verified file for each name: the downloaded part, or the file in its final place if it was there */
async function fetchParts(
  folder: string,
  { repository, progress, ...how }: Transfer,
): Promise<Map<ListedFile, string>> {
  const parts = new Map<ListedFile, string>();
  let [done, all] = [0, Infinity];
  const fetchPart = async (file: ListedFile) => {
    const place = join(folder, file.name);
    // A part belongs to one content: that of another revision has another name.
    const part = `${place}.${file.oid.slice(0, 16)}.part`;
    const there = (await sizeOf(place)) === file.bytes && (await hasContent(place, file));
    if (!there) {
      const transfer = { repository, ...how, progress: (bytes: number) => progress((done + bytes) / all) };
      await download(file, part, transfer).catch((error: unknown) => {
        throw explainDiskError(error, part);
      });
    }
    parts.set(file, there ? place : part);
    done += file.bytes;
    progress(done / all);
  };

  const { files: listed, folders } = await repository.list();
  const files = selectFiles(listed, repository.hub, folders);
  const index = files.find(({ name }) => shardsOf(name));
  if (index) {
    refuseLargeText(index);
    await fetchPart(index);
    const places = readIndex(await readFile(parts.get(index) ?? '', 'utf8'), index.name, shardsOf(index.name) ?? '');
    for (const shard of new Set(places.values())) {
      const file = listed.find(({ name }) => name === shard);
      if (!file) throw new Error(`${repository.hub} has no ${shard}, and ${index.name} names it`);
      files.push(file);
    }
  }
  all = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (all > MAX_MODEL_BYTES) {
    throw new Error(`${repository.hub} lists ${all / 1e9} GB, and at most ${MAX_MODEL_BYTES / 1e9} GB are pulled`);
  }
  files.filter(({ name }) => !isShard(name)).forEach(refuseLargeText);
  for (const file of files) if (file !== index) await fetchPart(file);
  return parts;
}

function refuseLargeText({ name, bytes }: ListedFile): void {
  if (bytes <= MAX_TEXT_BYTES) return;
  throw new Error(`${name} is listed with ${bytes / 1e6} MB, and at most ${MAX_TEXT_BYTES / 1e6} MB are read`);
}

async function putInPlace(folder: string, parts: ReadonlyMap<ListedFile, string>, source: Source): Promise<void> {
  // From here to the end the folder may hold files of two revisions.
  await rm(join(folder, SOURCE), { force: true });
  for (const [{ name }, part] of parts) await rename(part, join(folder, name));
  const names = new Set(source.files.map(({ name }) => name));
  for (const name of await readdir(folder)) {
    if (canBePulled(name) && !names.has(name)) await rm(join(folder, name), { force: true });
  }
  const part = join(folder, `${SOURCE}.part`);
  await writeFile(part, `${JSON.stringify(source, null, 2)}\n`);
  await rename(part, join(folder, SOURCE));
}
