/** The bucket of the account that wrangler.toml names, through wrangler's command line. Starts processes. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { unstable_readConfig as readConfig } from 'wrangler';

import { selectedEnvironment } from './deployed.ts';
import type { ModelBucket } from './push.ts';

const ROOT = join(import.meta.dirname, '../..');
const CONFIG = join(ROOT, 'wrangler.toml');
/** Of an object that is read: only the index, which is small. */
const LARGEST_READ_BYTES = 16 * 1024 * 1024;

/** @param where the option for wrangler: the account, or a local state like that of `wrangler dev` */
export function wranglerBucket(where: readonly string[] = ['--remote']): ModelBucket {
  const env = selectedEnvironment();
  const config = readConfig({ config: CONFIG, ...(env && { env }) });
  const name = config.r2_buckets.find(isModels)?.bucket_name;
  if (!name) throw new Error('wrangler.toml gives the binding MODELS no bucket_name');
  const object = (action: string, key: string, ...more: string[]) =>
    runWrangler(['r2', 'object', action, `${name}/${key}`, ...more, ...where, '--config', CONFIG]);
  return {
    async read(key) {
      const { status, stdout, said } = await object('get', key, '--pipe');
      if (status === 0) return new Uint8Array(stdout);
      if (said.includes('The specified key does not exist')) return undefined;
      throw new Error(`wrangler cannot read ${key} of the bucket ${name}:\n\n${said}`);
    },
    async put(key, file) {
      const { status, said } = await object('put', key, '--file', file);
      if (status === 0) return;
      throw new Error(`wrangler cannot put ${key} into the bucket ${name}:\n\n${said}`);
    },
  };
}

const isModels = ({ binding }: { binding: string; bucket_name?: string }): boolean => binding === 'MODELS';

/** Without a terminal, so that it does not prompt: `npx wrangler login` must come first. */
function runWrangler(args: readonly string[]): Promise<{ status: number; stdout: Buffer; said: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), ...args],
      {
        cwd: ROOT,
        encoding: 'buffer',
        maxBuffer: LARGEST_READ_BYTES,
        env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
      },
      (error, stdout, stderr) => {
        const said = stripVTControlCharacters(stderr.toString()).trim();
        resolve({ status: error ? 1 : 0, stdout, said: said || (error?.message ?? '') });
      },
    );
  });
}
