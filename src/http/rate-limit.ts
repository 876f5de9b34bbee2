/** Rate limits of the platform, for each location. They apply where the bindings are configured. Does I/O. */
import type { Context, MiddlewareHandler } from 'hono';

import type { RequestError } from '../errors.ts';
import { EXPENSIVE_WORK, RATE_LIMIT_PERIOD_S, WORK_OF } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { type Budget, Payer } from './budget.ts';
import { respondError } from './errors.ts';
import { networksOf } from './networks.ts';
import { checkSettings, settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

const limited = (of: 'requests' | 'expensive requests') =>
  ({ reason: 'rate_limited', of, retry_after_s: RATE_LIMIT_PERIOD_S }) as const;

/**
 * Refuses a caller who asks too often, or cannot pay what it owes: before the body is read and anything is loaded. A caller is
 * a key that was checked, or else an address.
 */
export function limitRate(budget: Budget): MiddlewareHandler<Worker> {
  return async function limit(c, next) {
    const refused = await countRequest(c);
    if (refused) return respondError(c, refused);
    const limiter = active(c, c.env.EXPENSIVE_RATE_LIMITER);
    if (!limiter) return next();
    const payer = new Payer(budget, limiter, callersOf(c));
    if (payer.isDue && !(await payer.settle())) return respondError(c, limited('expensive requests'));
    payer.debit(WORK_OF.request);
    c.set('payer', payer);
    try {
      return await next();
    } finally {
      payer.release();
    }
  };
}

/** Counts what is refused before `limitRate`: a wrong key, a route or a model that does not exist. */
export const limitRefusals: MiddlewareHandler<Worker> = async function limitRefusals(c, next) {
  await next();
  const isRefusal = c.res.status === 401 || c.res.status === 404 || c.res.status === 405;
  if (!isRefusal || c.get('isCounted')) return;
  const refused = await countRequest(c);
  if (!refused) return;
  // The headers of the answer before stay otherwise.
  c.header('www-authenticate', undefined);
  c.header('allow', undefined);
  c.res = respondError(c, refused);
};

async function countRequest(c: Context<Worker>): Promise<ReturnType<typeof limited> | undefined> {
  c.set('isCounted', true);
  const limiter = active(c, c.env.RATE_LIMITER);
  if (!limiter) return undefined;
  for (const key of callersOf(c)) if (!(await limiter.limit({ key })).success) return limited('requests');
  return undefined;
}

/** A site of IPv6 has as much as four of its networks. */
function callersOf(c: Context<Worker>): readonly string[] {
  const caller = c.get('caller');
  if (caller !== undefined) return [caller];
  const { client, site, share } = networksOf(c.req.header('cf-connecting-ip') ?? 'unknown');
  return client === site ? [`address:${client}`] : [`address:${client}`, `site:${site}:${share}`];
}

/**
 * Charges the work of runs.
 * @param work multiply-adds
 * @param beat is called on progress
 */
export async function chargeWork(
  c: Context<Worker>,
  work: number,
  beat: () => void,
): Promise<Result<undefined, RequestError>> {
  const payer = c.get('payer');
  if (payer && !(await payer.charge(work, beat))) return fail(limited('expensive requests'));
  c.set('multiply_adds', (c.get('multiply_adds') ?? 0) + work);
  return ok(undefined);
}

/**
 * Pays for the tokens of texts before they are made. What is not used is given back at the end.
 * @param length of all texts, in UTF-16 code units, or more
 */
export async function reserveTokens(c: Context<Worker>, length: number): Promise<Result<undefined, RequestError>> {
  // All texts of a request take less than a unit.
  const work = Math.min(length * WORK_OF.tokenizedCharacter, EXPENSIVE_WORK);
  return ((await c.get('payer')?.reserve(work)) ?? true) ? ok(undefined) : fail(limited('expensive requests'));
}

/** Refuses an answer, before any of it is sent, to a caller who cannot pay what it owes: answers that begin at once would add up. */
export async function settleDebts(c: Context<Worker>): Promise<Result<undefined, RequestError>> {
  const payer = c.get('payer');
  return !payer?.isDue || (await payer.settle()) ? ok(undefined) : fail(limited('expensive requests'));
}

/** @returns the multiply-adds that the budget of a whole period pays for */
export function payableWork(c: Context<Worker>): number {
  if (!active(c, c.env.EXPENSIVE_RATE_LIMITER)) return Infinity;
  return settingsOf(c.env).EXPENSIVE_LIMIT * EXPENSIVE_WORK;
}

/** @returns the limiter, where limits apply. A deployment with wrong settings says so later */
function active({ env }: Context<Worker>, limiter: RateLimit | undefined): RateLimit | undefined {
  return checkSettings(env).values.RATE_LIMITS === 'on' ? limiter : undefined;
}
