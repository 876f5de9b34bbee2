/** `Cache-Status` (RFC 9211): which tier answered. No I/O. */
import type { CachePolicy } from '../cache/tiered-cache.ts';
import type { CacheCounts } from '../pipelines/context.ts';

/**
 * Tiers in the order in which they are asked. For a list of texts, a tier is a hit when nothing was left for the next.
 * `ttl` is that of the oldest answer. There is no `Age`: the caches of the isolate and the edge are ours, and an age of days
 * would make the response stale on arrival (RFC 9111, 4.2.3). A tier says `stored` when it stored all that was computed. At
 * the edge, all writes were then begun, and none has failed so far.
 * @param policy undefined where the deployment caches nothing
 */
export function cacheStatus(
  { isolate, edge, computed, age_s, stored }: CacheCounts,
  policy: CachePolicy | undefined,
): string {
  if (!policy) return 'isolate; fwd=bypass';
  const ttl = `ttl=${policy.ttl_s - age_s}`;
  const forwarded = (tier: 'isolate' | 'edge', found: number): string => {
    const fwd = !policy.read ? 'request' : found > 0 ? 'partial' : 'miss';
    const status = `${tier}; fwd=${fwd}`;
    if (stored[tier] === 0) return status;
    return stored[tier] === computed
      ? `${status}; stored`
      : `${status}; detail="stored ${stored[tier]} of ${computed}"`;
  };
  if (computed === 0 && edge === 0) return `isolate; hit; ${ttl}`;
  if (computed === 0) return `${forwarded('isolate', isolate)}, edge; hit; ${ttl}`;
  return [forwarded('isolate', isolate), ...(policy.edge ? [forwarded('edge', edge)] : [])].join(', ');
}
