/** API keys: who may ask, where the owner has set any. No I/O. */
import type { Context, MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { HTTPException } from 'hono/http-exception';

import { digestOf } from '../cache/digest.ts';
import { respondError } from './errors.ts';
import { settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

/** Whether the deployment has keys, be they right or wrong. */
export const hasKeys = ({ env }: Context<Worker>): boolean => Boolean(env.API_KEYS);

/** Refuses a request without a valid key (RFC 6750). Where API_KEYS is not set, everybody may ask. */
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
    if (!(await keyDigests(settingsOf(c.env).API_KEYS ?? [])).has(digest)) return false;
    c.set('caller', `key:${digest.slice(0, 16)}`);
    return true;
  },
  noAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_missing' }) },
  invalidAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_malformed' }) },
  invalidToken: { message: (c: Context) => respondError(c, { reason: 'key_invalid' }) },
});

let last: { readonly list: string; readonly digests: ReadonlySet<string> } | undefined;

/** @param keys several, so that one can be replaced without an outage */
async function keyDigests(keys: readonly string[]): Promise<ReadonlySet<string>> {
  const list = keys.join();
  if (last?.list === list) return last.digests;
  const digests = new Set(await Promise.all(keys.map((key) => digestOf([key]))));
  last = { list, digests };
  return digests;
}
