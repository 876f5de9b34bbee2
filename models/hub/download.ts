/** Downloads one file of a repository, resuming where an earlier attempt stopped. Does I/O. */
import type { Hash } from 'node:crypto';
import { constants, type FileHandle, open, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { withTimeout } from '../../src/concurrency/with-timeout.ts';
import { beginHash, type ListedFile } from './content-hash.ts';
import type { Repository } from './repository.ts';

/** How much of a file is on the disk, and its hash so far. */
interface Copy {
  readonly handle: FileHandle;
  readonly file: ListedFile;
  readonly progress: (bytes: number) => void;
  bytes: number;
  hash: Hash;
  /** Whether it comes from several responses, which may have had different contents. */
  pieced: boolean;
}

/** Settings of a download. */
export interface Transfer {
  readonly repository: Repository;
  /** Before each further attempt after a connection that broke without new data. */
  readonly pausesMs: readonly number[];
  /** A connection without data for this long counts as broken. */
  readonly stallMs: number;
  /** Gets the number of bytes on the disk. */
  readonly progress: (bytes: number) => void;
}

/**
 * @param part the path to write to; the file stays there if the connection fails, and has the listed content at the end
 * @throws if the content is not what the Hub lists; the file is then removed
 */
export async function download(file: ListedFile, part: string, transfer: Transfer): Promise<void> {
  for (let again = true; ; again = false) {
    const { digest, pieced } = await copyAll(file, part, transfer);
    if (digest === file.oid) return;
    await rm(part);
    // Parts of several attempts may have had different contents: they are worth one more attempt.
    if (again && pieced) continue;
    throw new Error(`${file.name} is not what the Hub lists: its hash is ${digest} instead of ${file.oid}`);
  }
}

async function copyAll(
  file: ListedFile,
  part: string,
  { repository, pausesMs, stallMs, progress }: Transfer,
): Promise<{ digest: string; pieced: boolean }> {
  // Not opened for appending: two pulls at once then write the same bytes to the same positions.
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
  try {
    const copy: Copy = { handle, file, progress, bytes: 0, hash: beginHash(file), pieced: false };
    await readWhatIsThere(copy);
    let furthest = copy.bytes;
    let failures = 0;
    let etag: string | undefined;
    while (copy.bytes < file.bytes) {
      const answer = await repository.open(file, copy.bytes, etag);
      etag = strongTag(answer);
      await take(answer, copy, stallMs);
      if (copy.bytes > furthest) failures = 0;
      else {
        const waitMs = pausesMs[failures++];
        if (waitMs === undefined)
          throw new Error(`${file.name} was cut off after ${copy.bytes} of ${file.bytes} bytes`);
        await pause(waitMs);
      }
      furthest = Math.max(furthest, copy.bytes);
    }
    await handle.sync();
    return { digest: copy.hash.digest('hex'), pieced: copy.pieced };
  } finally {
    await handle.close();
  }
}

/** What an earlier run left on the disk. */
async function readWhatIsThere(copy: Copy): Promise<void> {
  for await (const chunk of copy.handle.createReadStream({ start: 0, autoClose: false })) {
    const bytes = chunk as Buffer;
    copy.hash.update(bytes);
    copy.bytes += bytes.length;
  }
  copy.pieced = copy.bytes > 0;
  if (copy.bytes > copy.file.bytes) await startOver(copy);
  copy.progress(copy.bytes);
}

async function startOver(copy: Copy): Promise<void> {
  await copy.handle.truncate(0);
  copy.bytes = 0;
  copy.hash = beginHash(copy.file);
  copy.pieced = false;
}

/** Writes a response until it ends or its connection breaks; the caller sees how far it came. */
async function take(answer: Response, copy: Copy, stallMs: number): Promise<void> {
  const range = `bytes ${copy.bytes}-${copy.file.bytes - 1}/${copy.file.bytes}`;
  const continues = answer.status === 206 && answer.headers.get('content-range') === range;
  if (!continues && copy.bytes > 0) await startOver(copy);
  if (answer.status !== 200 && !continues) {
    // A part of other content: the next attempt asks for the whole file.
    await answer.body?.cancel();
    return;
  }
  copy.pieced ||= continues;
  if (!answer.body) return;
  const reader = answer.body.getReader();
  while (copy.bytes <= copy.file.bytes) {
    // A broken connection also ends it.
    const chunk = (await withTimeout(stallMs, reader.read()))?.value.value;
    if (!chunk) break;
    await copy.handle.writev([chunk], copy.bytes);
    copy.hash.update(chunk);
    copy.bytes += chunk.length;
    copy.progress(copy.bytes);
  }
  await reader.cancel().catch(() => undefined);
}

/** RFC 9110, section 13.1.5: a weak ETag is not valid for ranges. */
function strongTag({ headers }: Response): string | undefined {
  const etag = headers.get('etag');
  return etag?.startsWith('"') ? etag : undefined;
}
