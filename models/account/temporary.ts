/** Files that are gone afterwards, also where a person stops the command. Does I/O. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Removes a file or folder when the run has ended. */
export async function removing<T>(path: string, run: () => Promise<T>): Promise<T> {
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await run();
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** Gives a run a folder of its own, which nobody else can read. */
export async function inTemporaryFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  return removing(folder, () => run(folder));
}
