/** Replaces files as a whole. Writes files. */
import { rename, rm, writeFile } from 'node:fs/promises';

import { explainDiskError } from './disk-error.ts';

const next = (path: string): string => `${path}.${process.pid}`;

/**
 * A disk that is full leaves all of these files as they were.
 * @param contents by path
 * @throws in words, when one cannot be written
 */
export async function replaceFiles(contents: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const paths = Object.keys(contents);
  let writing = paths[0];
  try {
    for (const [path, content] of Object.entries(contents)) await writeFile(next((writing = path)), content);
    // A rename needs no room.
    for (const path of paths) await rename(next((writing = path)), path);
  } catch (error) {
    for (const path of paths) await rm(next(path), { force: true }).catch(() => undefined);
    throw explainDiskError(error, writing);
  }
}

export const replaceFile = (path: string, content: string | Uint8Array): Promise<void> =>
  replaceFiles({ [path]: content });
