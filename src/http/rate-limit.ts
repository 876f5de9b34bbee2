/** Rate limits of the platform, for each location. They apply where the bindings are configured. Does I/O. */
import type { Context, MiddlewareHandler } from 'hono';

import type { RequestError } from '../errors.ts';
import { EXPENSIVE_WORK, RATE_LIMIT_PERIOD_S } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Budget } from './budget.ts';
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
 * @param beat is called on progress
 */
export async function chargeWork(
  c: Context<Worker>,
  budget: Budget,
  work: number,
  beat: () => void,
): Promise<Result<undefined, RequestError>> {
  const limiter = active(c, c.env.EXPENSIVE_RATE_LIMITER);
  const units = Math.floor(work / EXPENSIVE_WORK);
  if (limiter && !(await budget.charge(limiter, c.get('caller') ?? 'no key', units, beat))) {
    return fail(limited('expensive requests'));
  }
  c.set('multiply_adds', (c.get('multiply_adds') ?? 0) + work);
  return ok(undefined);
}

/** @returns the multiply-adds that the budget of a whole period pays for */
export function payableWork(c: Context<Worker>): number {
  if (!active(c, c.env.EXPENSIVE_RATE_LIMITER)) return Infinity;
  return settingsOf(c.env).EXPENSIVE_LIMIT * EXPENSIVE_WORK;
}

/** @returns the limiter, where limits apply */
function active({ env }: Context<Worker>, limiter: RateLimit | undefined): RateLimit | undefined {
  return settingsOf(env).RATE_LIMITS === 'on' ? limiter : undefined;
}
