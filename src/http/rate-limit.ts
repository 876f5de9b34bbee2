/** Rate limits of the platform, for each location. They apply where the bindings are configured. Does I/O. */
import type { Context, MiddlewareHandler } from 'hono';

import type { RequestError } from '../errors.ts';
import { EXPENSIVE_WORK, RATE_LIMIT_PERIOD_S } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { respondError } from './errors.ts';
import { networksOf } from './networks.ts';
import { settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

const limited = (of: 'requests' | 'expensive requests') =>
  ({ reason: 'rate_limited', of, retry_after_s: RATE_LIMIT_PERIOD_S }) as const;

/** Refuses a caller who asks too often, before the body is read. A caller is a key, or else an address. */
export const limitRate: MiddlewareHandler<Worker> = async function limitRate(c, next) {
  const limiter = active(c, c.env.RATE_LIMITER);
  if (limiter) {
    const { success } = await limiter.limit({
      key: c.get('caller') ?? `address:${networksOf(c.req.header('cf-connecting-ip') ?? 'unknown').client}`,
    });
    if (!success) return respondError(c, limited('requests'));
  }
  return next();
};

/**
 * Charges the work of runs, a unit for each EXPENSIVE_WORK. Less is free: the number of requests bounds it. All callers
 * without a key share a budget, since anybody can have many addresses.
 * @param work multiply-adds
 */
export async function chargeWork(c: Context<Worker>, work: number): Promise<Result<undefined, RequestError>> {
  c.set('multiply_adds', (c.get('multiply_adds') ?? 0) + work);
  const limiter = active(c, c.env.EXPENSIVE_RATE_LIMITER);
  if (!limiter) return ok(undefined);
  const key = c.get('caller') ?? 'no key';
  for (let units = Math.floor(work / EXPENSIVE_WORK); units > 0; units--) {
    const { success } = await limiter.limit({ key });
    if (!success) return fail(limited('expensive requests'));
  }
  return ok(undefined);
}

function active({ env }: Context<Worker>, limiter: RateLimit | undefined): RateLimit | undefined {
  return settingsOf(env).RATE_LIMITS === 'on' ? limiter : undefined;
}
