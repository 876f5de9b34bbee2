/** API keys: who may ask, where the owner has set any. No I/O. */
import type { Context, MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { HTTPException } from 'hono/http-exception';

import { digestOf } from '../cache/digest.ts';
import { respondError } from './errors.ts';
import { keySecretsOf, type NamedKey, settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

/** Whether the deployment has keys, be they right or wrong. */
export const hasKeys = ({ env }: Context<Worker>): boolean => keySecretsOf(env).length > 0;

/** Refuses a request without a valid key (RFC 6750). Where no key is set, everybody may ask. */
export const requireKey: MiddlewareHandler<Worker> = async (c, next) => {
  if (!settingsOf(c.env).API_KEYS) return next();
  try {
    return await checkKey(c, next);
  } catch (error) {
    if (error instanceof HTTPException) return error.getResponse();
    throw error;
  }
};

const checkKey = bearerAuth({
  realm: 'edge-fill-mask',
  async verifyToken(token, c: Context<Worker>) {
    const digest = await digestOf([token]);
    // Digests are compared, so that the time of a comparison tells nothing of a key.
    const names = await keyNames(settingsOf(c.env).API_KEYS ?? []);
    if (!names.has(digest)) return false;
    const short = digest.slice(0, 16);
    c.set('caller', `key:${short}`);
    c.set('caller_name', `key:${names.get(digest) ?? short}`);
    return true;
  },
  noAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_missing' }) },
  invalidAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_malformed' }) },
  invalidToken: { message: (c: Context) => respondError(c, { reason: 'key_invalid' }) },
});

let last: { readonly keys: string; readonly names: ReadonlyMap<string, string | undefined> } | undefined;

/** @returns the names of keys by their digests; undefined for a key of the list API_KEYS */
async function keyNames(keys: readonly NamedKey[]): Promise<ReadonlyMap<string, string | undefined>> {
  const list = JSON.stringify(keys);
  if (last?.keys === list) return last.names;
  const names = new Map<string, string | undefined>();
  for (const { key, name } of keys) {
    const digest = await digestOf([key]);
    names.set(digest, name ?? names.get(digest));
  }
  last = { keys: list, names };
  return names;
}
