/** What proves that a copy is the content that the Hub lists. Reads files. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A file of a repository, as it is at one commit. */
export interface ListedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex digits: 64 are the SHA-256 of the content, 40 the SHA-1 that names it in git. */
  readonly oid: string;
}

/** @returns the hash that ends in `oid` when it was given all of the content */
export function beginHash({ oid, bytes }: ListedFile): Hash {
  return oid.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}

/** Whether a file that is there has the listed content; read as a stream, since weights can be larger than memory. */
export async function hasContent(path: string, file: ListedFile): Promise<boolean> {
  const hash = beginHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === file.oid;
}
