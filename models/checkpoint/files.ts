/** The files of a checkpoint: `config.json`, and its tensors in one file or in several shards. Reads files. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseJson } from './json.ts';
import { ADAPTER, adapterAt, noWeights, STAND_IN_BYTES, standInOf, unmergedIn } from './refusals.ts';
import { readSafetensors } from './safetensors.ts';
import type { ByteSource, StoredTensor } from './stored-tensor.ts';
import { readTorch } from './torch.ts';

/** The forms of weights; the first one that is there is read. */
export const WEIGHTS = [
  { whole: 'model.safetensors', index: 'model.safetensors.index.json', shard: '.safetensors', read: readSafetensors },
  { whole: 'pytorch_model.bin', index: 'pytorch_model.bin.index.json', shard: '.bin', read: readTorch },
] as const;
export const WEIGHT_FILES: readonly string[] = WEIGHTS.flatMap(({ whole, index }) => [whole, index]);

/** The text of a file of a checkpoint, with its byte-order mark. @throws naming the file and its fault */
export async function readText(folder: string, name: string): Promise<string> {
  const bytes = await readBytes(folder, name);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${join(folder, name)} is not UTF-8`, { cause });
  }
}

/**
 * A JSON object in a file of a checkpoint.
 * @param parse of what kind of JSON
 * @throws naming the file and its fault
 */
export async function readJson(
  folder: string,
  name: string,
  parse: (text: string) => unknown = parseJson,
): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = parse((await readText(folder, name)).replace(/^\ufeff/, ''));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`${join(folder, name)} is not JSON`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${join(folder, name)} is not a JSON object`);
}

/** @throws naming what is missing, or what is there in place of the weights of a whole model */
export async function readTensors(folder: string): Promise<Map<string, StoredTensor>> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.includes(ADAPTER)) {
    throw new Error(adapterAt(folder, names, (await readJson(folder, ADAPTER))['base_model_name_or_path']));
  }
  for (const { whole, index, shard, read } of WEIGHTS) {
    const file = openIfThere(folder, whole);
    if (file) return refuseUnmerged(file.name, read(file));
    const list = await readIfThere(folder, index);
    if (!list) continue;
    const places = readIndex(new TextDecoder().decode(list), join(folder, index), shard);
    const tensors = readShards(folder, index, places, read);
    return refuseUnmerged(join(folder, index), tensors);
  }
  throw new Error(noWeights(folder, names, WEIGHT_FILES));
}

function readShards(
  folder: string,
  index: string,
  places: ReadonlyMap<string, string>,
  read: (file: ByteSource) => Map<string, StoredTensor>,
): Map<string, StoredTensor> {
  const shards = new Map<string, Map<string, StoredTensor>>();
  for (const name of new Set(places.values())) {
    const file = openIfThere(folder, name);
    if (!file) throw new Error(`${folder} has no ${name}`);
    shards.set(name, read(file));
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, file] of places) {
    const tensor = shards.get(file)?.get(name);
    if (!tensor) throw new Error(`${join(folder, file)} has no tensor ${name}, and ${index} says that it does`);
    tensors.set(name, tensor);
  }
  return tensors;
}

function refuseUnmerged(path: string, tensors: Map<string, StoredTensor>): Map<string, StoredTensor> {
  const problem = unmergedIn(path, tensors.keys());
  if (problem) throw new Error(problem);
  return tensors;
}

/**
 * The names of the shards that an index lists.
 * @param ending of their names
 * @throws naming the field that is wrong
 */
export function readIndex(json: string, name: string, ending: string): Map<string, string> {
  let map: unknown;
  try {
    ({ weight_map: map } = parseJson(json) as { weight_map?: unknown });
  } catch {
    throw new Error(`${name} is not JSON`);
  }
  if (typeof map !== 'object' || map === null) throw new Error(`${name} has no weight_map`);
  const places = Object.entries(map).map(([tensor, file]): [string, string] => {
    // A file in this folder, not a path out of it.
    if (typeof file !== 'string' || !/^[\w.-]+$/.test(file) || !file.endsWith(ending) || file === ending) {
      throw new Error(`${name}: weight_map has "${String(file)}" for ${tensor}, which is not a file name`);
    }
    return [tensor, file];
  });
  return new Map(places);
}

/** The bytes of a file of a checkpoint. @throws naming the file and its fault */
export async function readBytes(folder: string, name: string): Promise<Uint8Array> {
  const bytes = await readIfThere(folder, name);
  if (!bytes) throw new Error(`${folder} has no ${name}`);
  return bytes;
}

async function readIfThere(folder: string, name: string): Promise<Uint8Array | undefined> {
  try {
    return refuseStandIn(new Uint8Array(await readFile(join(folder, name))), join(folder, name));
  } catch (error) {
    return explain(folder, name, error);
  }
}

/** Each range is read by itself, so that no file stays open. */
function openIfThere(folder: string, name: string): ByteSource | undefined {
  const path = join(folder, name);
  const open = <T>(work: (file: number) => T): T | undefined => {
    try {
      const file = openSync(path, 'r');
      try {
        return work(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      return explain(folder, name, error);
    }
  };
  const readRange = (from: number, to: number) =>
    open((file) => {
      const bytes = new Uint8Array(to - from);
      for (let done = 0; done < bytes.length;) {
        // Linux reads at most 2 GiB at once.
        const read = readSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30), from + done);
        if (read === 0) return bytes.subarray(0, done);
        done += read;
      }
      return bytes;
    });
  const size = open((file) => fstatSync(file).size);
  if (size === undefined) return undefined;
  refuseStandIn(readRange(0, Math.min(size, STAND_IN_BYTES)) ?? new Uint8Array(), path);
  return {
    name: path,
    size,
    read(from, to) {
      const bytes = readRange(from, to);
      if (bytes?.length === to - from) return bytes;
      throw new Error(`${path} became shorter while it was read`);
    },
  };
}

function refuseStandIn(bytes: Uint8Array, path: string): Uint8Array {
  const problem = standInOf(bytes, path);
  if (problem) throw new Error(problem);
  return bytes;
}

/** @returns undefined for a file that is not there @throws naming any other fault */
function explain(folder: string, name: string, error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  // A refusal of ours, or a lack of memory.
  if (code === undefined) throw error;
  if (code === 'ENOENT') return undefined;
  const problems: Record<string, string> = {
    EISDIR: `${join(folder, name)} is a folder where a file should be`,
    ENOTDIR: `${folder} is a file where the folder of a checkpoint should be`,
  };
  throw new Error(problems[code] ?? `${join(folder, name)} cannot be read`, { cause: error });
}
