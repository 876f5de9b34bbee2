/** Where the checkpoint lies of a model that was built from a folder: models/.build/<id>/checkpoint.path. Reads and writes files. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { replaceFile } from './replace-file.ts';

const BUILDS = join(import.meta.dirname, '..', '.build');
const FILE = 'checkpoint.path';

/** @returns the folder, whether or not it is still there; undefined if none was recorded */
export function addedFolder(id: string): string | undefined {
  const file = join(BUILDS, id, FILE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** Later commands find the folder by the id. The last one that was built counts. */
export async function recordAdded(id: string, folder: string): Promise<void> {
  if (addedFolder(id) === folder) return;
  mkdirSync(join(BUILDS, id), { recursive: true });
  await replaceFile(join(BUILDS, id, FILE), `${folder}\n`);
}

/** By id, those that are still there. */
export function addedFolders(): Map<string, string> {
  const ids = existsSync(BUILDS) ? readdirSync(BUILDS) : [];
  const found = ids.map((id) => [id, addedFolder(id)] as const);
  return new Map(found.flatMap(([id, folder]) => (folder !== undefined && existsSync(folder) ? [[id, folder]] : [])));
}
