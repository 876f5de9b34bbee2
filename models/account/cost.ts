/** What a month of a deployment costs at the published prices. No I/O. */
import type { Manifest } from '../../src/model/manifest.ts';
import { EXPENSIVE_WORK, SLOW_WORK_PER_SECOND, WORK_OF } from '../../src/limits.ts';
import { costModelOf } from '../../src/model/cost.ts';

/** Of Workers Standard, in dollars; included are so many a month. */
export const PRICES = {
  published: 'November 2026',
  plan: 5,
  request: 0.3e-6,
  includedRequests: 10e6,
  cpuMs: 0.02e-6,
  includedCpuMs: 30e6,
  /** Of R2, class B. */
  read: 0.36e-6,
} as const;
/** CPU time of a request besides the model, in milliseconds. */
const CPU_MS_AROUND = (1000 * WORK_OF.request) / SLOW_WORK_PER_SECOND;

const MONTH_MINUTES = 31 * 24 * 60;

export interface Usage {
  /** A month. */
  readonly requests: number;
  /** Of one text, with one mask. */
  readonly tokens: number;
  /** The share of the requests that a cache answers. */
  readonly hitRate: number;
}

export interface MonthlyCost {
  /** Of a request that no cache answers. */
  readonly cpuMsPerMiss: number;
  readonly cpuMs: number;
  /** Dollars, with the plan. */
  readonly requests: number;
  readonly cpu: number;
  readonly total: number;
}

/** An upper bound: the CPU time is that of a slow host. A cache hit costs as much as a request without the model. */
export function monthlyCost(architecture: Manifest['architecture'], { requests, tokens, hitRate }: Usage): MonthlyCost {
  const cpuMsPerMiss = CPU_MS_AROUND + (1000 * costModelOf(architecture).text(tokens, 1)) / SLOW_WORK_PER_SECOND;
  const cpuMs = requests * (hitRate * CPU_MS_AROUND + (1 - hitRate) * cpuMsPerMiss);
  return { cpuMsPerMiss, cpuMs, ...priceOf(requests, cpuMs) };
}

/**
 * What a month costs in which everything is as in the hours that were measured.
 * @param multiply_adds that were admitted: the CPU time is that of a slow host, and an upper bound
 */
export function monthAs(measured: { requests: number; multiply_adds: number; hours: number }): {
  cpuMs: number;
  total: number;
} {
  const cpuMs = measured.requests * CPU_MS_AROUND + (1000 * measured.multiply_adds) / SLOW_WORK_PER_SECOND;
  const times = MONTH_MINUTES / 60 / measured.hours;
  return { cpuMs, total: priceOf(times * measured.requests, times * cpuMs).total };
}

function priceOf(requests: number, cpuMs: number): Pick<MonthlyCost, 'requests' | 'cpu' | 'total'> {
  const ofRequests = Math.max(0, requests - PRICES.includedRequests) * PRICES.request;
  const cpu = Math.max(0, cpuMs - PRICES.includedCpuMs) * PRICES.cpuMs;
  return { requests: ofRequests, cpu, total: PRICES.plan + ofRequests + cpu };
}

/** The rate limits of a deployment, a minute. */
export interface RateLimits {
  readonly requests: number;
  /** Of EXPENSIVE_WORK. */
  readonly units: number;
}

/**
 * What one caller at one location costs at most in a month, in dollars with the plan: all units, one more that an isolate has not
 * charged yet, and the requests that are refused for the budget. Reads of the bucket are among the units, by their price. Requests
 * that are refused for their number, or that count for nothing (/health, the page), are not counted.
 */
export function worstMonth({ requests, units }: RateLimits): number {
  const cpuMs = (1000 * ((units + 1) * EXPENSIVE_WORK + requests * WORK_OF.request)) / SLOW_WORK_PER_SECOND;
  return priceOf(MONTH_MINUTES * requests, MONTH_MINUTES * cpuMs).total;
}
