/** A build on the disk: models/.build/<id>/<revision>/. Reads files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type Manifest, parseManifest } from '../../src/model/manifest.ts';

/** The files of one revision. */
export interface Built {
  readonly folder: string;
  readonly manifest: Manifest;
}

export const BUILDS = join(import.meta.dirname, '..', '.build');

/** @returns undefined if there is no such build, or if its manifest does not belong to it */
export async function findBuild(id: string, revision: string): Promise<Built | undefined> {
  const folder = join(BUILDS, id, revision);
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => '');
  const manifest = await parseManifest(text, id, revision);
  return 'wrong' in manifest ? undefined : { folder, manifest };
}

/**
 * @param name an id, or `<id>@<revision>`
 * @returns the build of that revision, or the newest of that id
 */
export async function findNewestBuild(name: string): Promise<Built | undefined> {
  const [id = '', revision] = name.split('@');
  if (revision !== undefined) return findBuild(id, revision);
  const revisions = await readdir(join(BUILDS, id)).catch(() => []);
  const builds = [];
  for (const one of revisions) {
    const built = await findBuild(id, one);
    if (built) builds.push({ built, at: (await stat(join(built.folder, 'manifest.json'))).mtimeMs });
  }
  return builds.toSorted((a, b) => b.at - a.at)[0]?.built;
}

/** @throws naming the file whose size or SHA-256 differs from the manifest */
export async function checkBuiltFile({ folder, manifest }: Built, name: string): Promise<void> {
  const path = join(folder, name);
  const again = `delete ${folder} and convert again`;
  const listed = manifest.files.find((file) => file.name === name);
  if (!listed) {
    const found = await parseManifest(await readFile(path, 'utf8'), manifest.id, manifest.revision);
    if ('wrong' in found) throw new Error(`${path} ${found.wrong}: ${again}`);
    return;
  }
  const { size } = await stat(path);
  if (size !== listed.bytes) throw new Error(`${path} has ${size} bytes instead of ${listed.bytes}: ${again}`);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  if (hash.digest('hex') !== listed.sha256) throw new Error(`${path} was altered: ${again}`);
}
