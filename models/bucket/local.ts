/** The bucket of the local worker, through workerd's R2. Does I/O. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { getPlatformProxy } from 'wrangler';

import type { ModelBucket } from './push.ts';

/** An object in a list of the bucket. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  readonly date: Date;
}

export interface LocalBucket extends ModelBucket {
  readonly list: () => Promise<StoredObject[]>;
}

/** @param state the folder of its state, if not that of `npm start` */
export async function withLocalBucket<T>(use: (bucket: LocalBucket) => Promise<T>, state?: string): Promise<T> {
  const { env, dispose } = await getPlatformProxy<{ MODELS: R2Bucket }>({
    configPath: join(import.meta.dirname, '../..', 'wrangler.toml'),
    ...(state && { persist: { path: state } }),
  }).catch((error: unknown) => {
    throw explained(error);
  });
  const { MODELS } = env;
  try {
    return await use({
      // By its size: what is read is checked by its hash.
      holds: async (key, file) => (await MODELS.head(key))?.size === (await stat(file)).size,
      async read(key) {
        const object = await MODELS.get(key);
        return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
      },
      async put(key, content) {
        await MODELS.put(key, await content.arrayBuffer());
      },
      async list() {
        const objects: StoredObject[] = [];
        for (let cursor: string | undefined, more = true; more;) {
          const page = await MODELS.list({ prefix: 'models/', ...(cursor && { cursor }) });
          objects.push(...page.objects.map(({ key, size, uploaded }) => ({ key, bytes: size, date: uploaded })));
          more = page.truncated;
          cursor = page.truncated ? page.cursor : undefined;
        }
        return objects;
      },
    });
  } finally {
    await dispose();
  }
}

/** Names the remedy where wrangler cannot write what it keeps in the home folder. */
function explained(error: unknown): unknown {
  const { message, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall === undefined || path === undefined) return error;
  return new Error(
    `wrangler cannot write ${path} (${message}): set HOME or XDG_CONFIG_HOME to a folder that it can write`,
    {
      cause: error,
    },
  );
}
