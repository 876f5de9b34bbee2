/** `Cache-Status` (RFC 9211): which tier answered. No I/O. */
import type { CachePolicy } from '../cache/tiered-cache.ts';
import type { CacheCounts } from '../pipelines/context.ts';

/**
 * Tiers in the order in which they are asked. For a list of texts, a tier is a hit when nothing was left for the next.
 * `ttl` is that of the oldest answer. There is no `Age`: the caches of the isolate and the edge are ours, and an age of days
 * would make the response stale on arrival (RFC 9111, 4.2.3).
 * @param policy undefined where the deployment caches nothing
 */
export function cacheStatus({ isolate, edge, computed, age_s }: CacheCounts, policy: CachePolicy | undefined): string {
  if (!policy) return 'isolate; fwd=bypass';
  const ttl = `ttl=${policy.ttl_s - age_s}`;
  const stored = policy.write ? '; stored' : '';
  const tiers = policy.edge ? ['isolate', 'edge'] : ['isolate'];
  if (!policy.read) return tiers.map((tier) => `${tier}; fwd=request${stored}`).join(', ');
  if (edge + computed === 0) return `isolate; hit; ${ttl}`;
  if (computed === 0) return `${missed(isolate, 'isolate')}, edge; hit; ${ttl}`;
  const status = [`${missed(isolate, 'isolate')}${stored}`];
  if (policy.edge) status.push(`${missed(edge, 'edge')}${stored}`);
  return status.join(', ');
}

function missed(found: number, tier: string): string {
  return `${tier}; fwd=${found > 0 ? 'partial' : 'miss'}`;
}
