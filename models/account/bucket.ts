/** The bucket of models in an account, through the account's API. Does I/O. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import type { ModelBucket } from '../bucket/push.ts';
import { ApiError, callApi, find, findResult, readResult } from './api.ts';
import type { Target } from './worker.ts';

const PERMISSION = 'Workers R2 Storage: Edit';

/** Buckets of a jurisdiction are a namespace of their own: every request names it. */
const inJurisdiction = ({ jurisdiction }: Target): Record<string, string> =>
  jurisdiction ? { 'cf-r2-jurisdiction': jurisdiction } : {};

/** @throws saying what to do when R2 is not enabled, the token has no right to it, or the name cannot be used */
export async function openAccountBucket(target: Target): Promise<ModelBucket> {
  const { account, bucket: name } = target;
  const path = `/accounts/${account}/r2/buckets`;
  const where = inJurisdiction(target);
  if (!(await findResult(target, `${path}/${name}`, { headers: where, permission: PERMISSION }))) {
    const headers = { ...where, 'content-type': 'application/json' };
    const body = JSON.stringify({ name });
    await readResult(target, path, { method: 'POST', body, headers, permission: PERMISSION }).catch(nameIsTaken(name));
  }
  return accountBucket(target);
}

/** The API may refuse a name that another jurisdiction, or somebody else's token, has. */
const nameIsTaken = (name: string) => (error: unknown) => {
  if (!(error instanceof ApiError) || error.status !== 409) throw error;
  throw new Error(
    `a bucket ${name} exists already and cannot be used: name its jurisdiction in the binding MODELS, or give that binding another bucket_name in wrangler.toml`,
    { cause: error },
  );
};

export function accountBucket(target: Target): ModelBucket {
  const at = (key: string) => `/accounts/${target.account}/r2/buckets/${target.bucket}/objects/${key}`;
  const where = inJurisdiction(target);
  const get = (key: string) => find(callApi(target, at(key), { headers: where, permission: PERMISSION }));
  return {
    async holds(key, file) {
      const object = await get(key);
      if (!object) return false;
      const etag = /^(?:W\/)?"?([0-9a-f]{32})"?$/.exec(object.headers.get('etag') ?? '')?.[1];
      // The etag of an object that was put in one piece is its MD5.
      const there = etag ?? (await md5(object.body ?? []));
      await object.body?.cancel().catch(() => undefined);
      const length = object.headers.get('content-length');
      if (etag && length !== null && Number(length) !== (await stat(file)).size) return false;
      return there === (await md5(createReadStream(file)));
    },
    async read(key) {
      const object = await get(key);
      return object && new Uint8Array(await object.arrayBuffer());
    },
    async put(key, body) {
      const headers = { ...where, 'content-type': 'application/octet-stream' };
      await callApi(target, at(key), { method: 'PUT', body, headers, permission: PERMISSION });
    },
  };
}

async function md5(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}
