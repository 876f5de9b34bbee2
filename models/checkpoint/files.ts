/** The files of a checkpoint: `config.json`, and its tensors in one file or in several shards. Reads files. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { howToConvert, isPickle } from './pickle.ts';
import { readSafetensors, type StoredTensor } from './safetensors.ts';

const WHOLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/** The text of a file of a checkpoint, with its byte-order mark. @throws naming the file and its fault */
export async function readText(folder: string, name: string): Promise<string> {
  const bytes = await readBytes(folder, name);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${join(folder, name)} is not UTF-8`, { cause });
  }
}

/** A JSON object in a file of a checkpoint. @throws naming the file and its fault */
export async function readJson(folder: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = JSON.parse((await readText(folder, name)).replace(/^\ufeff/, ''));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`${join(folder, name)} is not JSON`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${join(folder, name)} is not a JSON object`);
}

/** @throws naming the missing file; if both forms are missing, naming both */
export async function readTensors(folder: string): Promise<Map<string, StoredTensor>> {
  const whole = await readIfThere(folder, WHOLE);
  if (whole) return readSafetensors(whole, join(folder, WHOLE));
  const index = await readIfThere(folder, INDEX);
  if (!index) {
    const pickled = (await readdir(folder).catch(() => [])).some(isPickle);
    // Beside the pickles. A name that a shell would take apart is left to the reader.
    const to = /^[\w./-]+$/.test(folder) ? folder : '<folder>';
    const help = pickled ? `, only pickled weights (.bin). ${howToConvert(`'${to}'`, to)}` : '';
    throw new Error(`${folder} has neither ${WHOLE} nor ${INDEX}${help}`);
  }

  const places = readIndex(new TextDecoder().decode(index), join(folder, INDEX));
  const shards = new Map<string, Map<string, StoredTensor>>();
  for (const file of new Set(places.values())) {
    shards.set(file, readSafetensors(await readBytes(folder, file), join(folder, file)));
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, file] of places) {
    const tensor = shards.get(file)?.get(name);
    if (!tensor) throw new Error(`${join(folder, file)} has no tensor ${name}, and ${INDEX} says that it does`);
    tensors.set(name, tensor);
  }
  return tensors;
}

/** The names of the shards that an index lists. @throws naming the field that is wrong */
export function readIndex(json: string, name: string): Map<string, string> {
  let map: unknown;
  try {
    ({ weight_map: map } = JSON.parse(json) as { weight_map?: unknown });
  } catch {
    throw new Error(`${name} is not JSON`);
  }
  if (typeof map !== 'object' || map === null) throw new Error(`${name} has no weight_map`);
  const places = Object.entries(map).map(([tensor, file]): [string, string] => {
    // A file in this folder, not a path out of it.
    if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) {
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
    return new Uint8Array(await readFile(join(folder, name)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const problems: Record<string, string> = {
      EISDIR: `${join(folder, name)} is a folder where a file should be`,
      ENOTDIR: `${folder} is a file where the folder of a checkpoint should be`,
    };
    throw new Error(problems[code ?? ''] ?? `${join(folder, name)} cannot be read`, { cause: error });
  }
}
