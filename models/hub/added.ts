/** Where the checkpoint lies of a model that was built from a folder: models/.build/<id>/checkpoint.path. Reads and writes files. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BUILDS = join(import.meta.dirname, '..', '.build');
const FILE = 'checkpoint.path';

/** @returns the folder, whether or not it is still there; undefined if none was recorded */
export function addedFolder(id: string): string | undefined {
  const file = join(BUILDS, id, FILE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** Later commands find the folder by the id. The last one that was built counts. */
export function recordAdded(id: string, folder: string): void {
  if (addedFolder(id) === folder) return;
  const file = join(BUILDS, id, FILE);
  const part = `${file}.${process.pid}`;
  mkdirSync(join(BUILDS, id), { recursive: true });
  writeFileSync(part, `${folder}\n`);
  renameSync(part, file);
}

/** By id, those that are still there. */
export function addedFolders(): Map<string, string> {
  const ids = existsSync(BUILDS) ? readdirSync(BUILDS) : [];
  const found = ids.map((id) => [id, addedFolder(id)] as const);
  return new Map(found.flatMap(([id, folder]) => (folder !== undefined && existsSync(folder) ? [[id, folder]] : [])));
}
