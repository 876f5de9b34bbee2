/** `Cache-Status` (RFC 9211) and `Age` (RFC 9111, 5.1): which memory answered. No I/O. */
import type { Access } from '../cache/memory.ts';
import type { Remembered } from '../recall.ts';
import { REMEMBERED_SECONDS } from '../limits.ts';

/**
 * The isolate first, as it is asked first. In a list of texts a memory has hit when nothing was left to be looked for after it.
 * @param access undefined where nothing is remembered at all
 */
export function cacheHeaders(
  { isolate, data_centre, computed, age_s }: Remembered,
  access: Access | undefined,
): Record<string, string> {
  if (!access) return { 'cache-status': 'isolate; fwd=bypass' };
  const ttl = `ttl=${REMEMBERED_SECONDS - age_s}`;
  const stored = access.write ? '; stored' : '';
  const places = access.dataCentre ? ['isolate', 'data-centre'] : ['isolate'];
  if (!access.read) {
    return { 'cache-status': places.map((place) => `${place}; fwd=request${stored}`).join(', ') };
  }
  const age = isolate + data_centre > 0 ? { age: String(age_s) } : undefined;
  if (data_centre + computed === 0) return { 'cache-status': `isolate; hit; ${ttl}`, ...age };
  if (computed === 0) return { 'cache-status': `${missed(isolate, 'isolate')}, data-centre; hit; ${ttl}`, ...age };
  const status = [`${missed(isolate, 'isolate')}${stored}`];
  if (access.dataCentre) status.push(`${missed(data_centre, 'data-centre')}${stored}`);
  return { 'cache-status': status.join(', ') };
}

function missed(found: number, place: string): string {
  return `${place}; fwd=${found > 0 ? 'partial' : 'miss'}`;
}
