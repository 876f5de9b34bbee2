/** API keys: who may ask, where the owner has set any. No I/O. */
import type { Context, MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { HTTPException } from 'hono/http-exception';

import { digestOf } from '../cache/digest.ts';
import { ConfigurationError } from '../model/deployed-model.ts';
import { API_KEY } from '../schemas/api-key.ts';
import { respondError } from './errors.ts';
import type { Worker } from './worker.ts';

/** Characters. A shorter key can be guessed. */
const MIN_KEY_LENGTH = 16;

/** Refuses a request without a valid key (RFC 6750). Where API_KEYS is not set, everybody may ask. */
export const requireKey: MiddlewareHandler<Worker> = async (c, next) => {
  if (!c.env.API_KEYS) return next();
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
    if (!(await keyDigests(c.env.API_KEYS ?? '')).has(digest)) return false;
    c.set('caller', `key:${digest.slice(0, 16)}`);
    return true;
  },
  noAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_missing' }) },
  invalidAuthenticationHeader: { message: (c: Context) => respondError(c, { reason: 'key_malformed' }) },
  invalidToken: { message: (c: Context) => respondError(c, { reason: 'key_invalid' }) },
});

let last: { readonly list: string; readonly digests: ReadonlySet<string> } | undefined;

/**
 * @param list keys, separated by commas or white space: several, so that one can be replaced without an outage
 * @throws {ConfigurationError} that names a key by its place in the list
 */
async function keyDigests(list: string): Promise<ReadonlySet<string>> {
  if (last?.list === list) return last.digests;
  const keys = list.split(/[\s,]+/).filter(Boolean);
  for (const [i, key] of keys.entries()) {
    const place = `Key ${i + 1} of the secret API_KEYS`;
    if (key.length < MIN_KEY_LENGTH) {
      throw new ConfigurationError(`${place} has ${key.length} characters. Use at least ${MIN_KEY_LENGTH}.`);
    }
    if (!API_KEY.test(key)) throw new ConfigurationError(`${place} may have letters, digits and -._~+/ only.`);
  }
  if (keys.length === 0)
    throw new ConfigurationError('The secret API_KEYS holds no key. Set one, or delete the secret.');
  const digests = new Set(await Promise.all(keys.map((key) => digestOf([key]))));
  last = { list, digests };
  return digests;
}
