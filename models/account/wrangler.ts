/** Runs wrangler's command line. Starts processes. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { inTemporaryFolder } from './temporary.ts';

export const ROOT = join(import.meta.dirname, '../..');
/** Of wrangler's own code: it starts a quarter sooner. */
const COMPILE_CACHE = join(ROOT, '.wrangler/compile-cache');
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_MS = 600_000;

/** A line of the file that WRANGLER_OUTPUT_FILE_PATH names. */
export interface WranglerEvent {
  readonly type: string;
  readonly version_id?: string | null;
}

interface WranglerRun {
  /** Besides this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Is given a warning of wrangler. */
  readonly say?: (line: string) => void;
  /** What it reads from stdin. */
  readonly input?: string;
  /** Ends the process. */
  readonly stop?: AbortSignal | undefined;
}

/**
 * Without a terminal, so that it asks nothing.
 * @throws with what wrangler says, when it fails; or the reason of a stop
 */
export async function runWrangler(
  args: readonly string[],
  { environment = {}, say = () => undefined, input = '', stop }: WranglerRun = {},
): Promise<{ stdout: string; events: WranglerEvent[] }> {
  stop?.throwIfAborted();
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'events');
    const stdout = await new Promise<string>((resolve, reject) => {
      const child = execFile(
        process.execPath,
        [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), ...args],
        {
          cwd: ROOT,
          maxBuffer: MAX_OUTPUT_BYTES,
          timeout: MAX_MS,
          env: {
            ...process.env,
            WRANGLER_SEND_METRICS: 'false',
            WRANGLER_HIDE_BANNER: 'true',
            NODE_COMPILE_CACHE: COMPILE_CACHE,
            ...environment,
            WRANGLER_OUTPUT_FILE_PATH: file,
          },
        },
        (error, out, err) => {
          if (stop?.aborted) return reject(stop.reason as Error);
          const warnings = stripVTControlCharacters(`${err}\n${out}`)
            .split(/\n{2,}/)
            .filter((text) => text.includes('[WARNING]'));
          if (!error) {
            if (warnings.length > 0) say(warnings.join('\n'));
            return resolve(out);
          }
          const said = stripVTControlCharacters(err || out).trim();
          const what = args
            .slice(
              0,
              args.findIndex((arg) => /[-@]/.test(arg)),
            )
            .join(' ');
          const lines = said.split('\n').filter((line) => line.trim() && !line.includes('Logs were written to'));
          reject(new Error(`wrangler ${what} failed: ${lines.join('\n') || error.message}`));
        },
      );
      child.stdin?.end(input);
      // Its end is waited for: nothing of it is left then.
      const kill = () => child.kill();
      stop?.addEventListener('abort', kill, { once: true });
      child.once('close', () => stop?.removeEventListener('abort', kill));
    });
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    return { stdout, events: lines.map((line) => JSON.parse(line) as WranglerEvent) };
  });
}
