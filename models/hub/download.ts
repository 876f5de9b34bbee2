/** Copies one file of a repository to the disk, going on where an earlier attempt stopped. Does I/O. */
import type { Hash } from 'node:crypto';
import { constants, type FileHandle, open, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { withinMs } from './bounds.ts';
import { beginHash, type ListedFile } from './content-hash.ts';
import type { Repository } from './repository.ts';

/** How much of a file is there, and its hash so far. */
interface Copy {
  readonly handle: FileHandle;
  readonly file: ListedFile;
  readonly progress: (bytes: number) => void;
  bytes: number;
  hash: Hash;
  /** Whether it is of several answers, which may have been of several contents. */
  pieced: boolean;
}

/** How a file is copied. */
export interface Transfer {
  readonly repository: Repository;
  /** Before each further attempt after a connection that broke without bringing anything new. */
  readonly pausesMs: readonly number[];
  /** A connection that brings nothing for so long is broken. */
  readonly stallMs: number;
  /** Is told how many bytes of the file are there. */
  readonly progress: (bytes: number) => void;
}

/**
 * @param part where to write: it stays there when the connection fails, and holds the listed content afterwards
 * @throws when other content is given than the Hub lists; nothing is left then
 */
export async function download(file: ListedFile, part: string, transfer: Transfer): Promise<void> {
  for (let again = true; ; again = false) {
    const { digest, pieced } = await copyAll(file, part, transfer);
    if (digest === file.oid) return;
    await rm(part);
    // Pieces of different attempts are worth one more: they may have been of different contents.
    if (again && pieced) continue;
    throw new Error(`${file.name} is not what the Hub lists: its hash is ${digest} instead of ${file.oid}`);
  }
}

async function copyAll(
  file: ListedFile,
  part: string,
  { repository, pausesMs, stallMs, progress }: Transfer,
): Promise<{ digest: string; pieced: boolean }> {
  // Not for appending: two pulls at once then write the same bytes to the same places.
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
        if (waitMs === undefined) throw new Error(`${file.name} breaks off after ${copy.bytes} of ${file.bytes} bytes`);
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

/** What an earlier run left. */
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

/** Writes what an answer brings until it ends or its connection breaks: the caller sees how far that went. */
async function take(answer: Response, copy: Copy, stallMs: number): Promise<void> {
  const range = `bytes ${copy.bytes}-${copy.file.bytes - 1}/${copy.file.bytes}`;
  const continues = answer.status === 206 && answer.headers.get('content-range') === range;
  if (!continues && copy.bytes > 0) await startOver(copy);
  if (answer.status !== 200 && !continues) {
    // A part of some other content: the next attempt asks for all of this one.
    await answer.body?.cancel();
    return;
  }
  copy.pieced ||= continues;
  if (!answer.body) return;
  const reader = answer.body.getReader();
  while (copy.bytes <= copy.file.bytes) {
    // A broken connection ends it as well.
    const chunk = (await withinMs(reader.read(), stallMs, 'stalled').catch(() => undefined))?.value;
    if (!chunk) break;
    await copy.handle.writev([chunk], copy.bytes);
    copy.hash.update(chunk);
    copy.bytes += chunk.length;
    copy.progress(copy.bytes);
  }
  await reader.cancel().catch(() => undefined);
}

/** RFC 9110, 13.1.5: a weak one proves nothing of a range. */
function strongTag({ headers }: Response): string | undefined {
  const etag = headers.get('etag');
  return etag?.startsWith('"') ? etag : undefined;
}
