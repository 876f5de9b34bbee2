/** Proves that a copy has the content that the Hub lists. Reads files. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A file of a repository at one commit. */
export interface ListedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex digits: 64 are the SHA-256 of the content, 40 are its SHA-1 in git. */
  readonly oid: string;
}

/** @returns a hash whose digest of the whole content is `oid` */
export function beginHash({ oid, bytes }: ListedFile): Hash {
  return oid.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}

/** Whether a local file has the listed content. Read as a stream, since weights can be larger than memory. */
export async function hasContent(path: string, file: ListedFile): Promise<boolean> {
  const hash = beginHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === file.oid;
}
