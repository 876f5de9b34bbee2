/** `Cache-Status`: it says `stored` only of a tier that stored all that was computed. */
import { expect, it } from 'vitest';

import { EdgeCache } from '../../../src/cache/edge-cache.ts';
import { cacheStatus } from '../../../src/http/cache-status.ts';

const cache = { match: () => Promise.resolve(undefined), put: () => Promise.resolve() };
const edge = new EdgeCache(cache, 'https://example.com', 45);
const policy = { read: true, write: true, edge, ttl_s: 3600, waitUntil: () => undefined };
const none = { isolate: 0, edge: 0, computed: 0, age_s: 0, stored: { isolate: 0, edge: 0 } };

it.each([
  ['isolate; hit; ttl=3590', { isolate: 2, age_s: 10 }, {}],
  ['isolate; fwd=miss, edge; hit; ttl=3590', { edge: 2, age_s: 10 }, {}],
  ['isolate; fwd=partial, edge; hit; ttl=3600', { isolate: 1, edge: 1 }, {}],
  ['isolate; fwd=miss; stored, edge; fwd=miss; stored', { computed: 2, stored: { isolate: 2, edge: 2 } }, {}],
  [
    'isolate; fwd=miss; stored, edge; fwd=partial; detail="stored 1 of 2"',
    { edge: 1, computed: 2, stored: { isolate: 2, edge: 1 } },
    {},
  ],
  [
    'isolate; fwd=partial; detail="stored 3 of 4", edge; fwd=miss',
    { isolate: 1, computed: 4, stored: { isolate: 3, edge: 0 } },
    {},
  ],
  ['isolate; fwd=miss, edge; fwd=miss', { computed: 1 }, {}],
  [
    'isolate; fwd=request; stored, edge; fwd=request; detail="stored 1 of 2"',
    { computed: 2, stored: { isolate: 2, edge: 1 } },
    { read: false },
  ],
  ['isolate; fwd=request, edge; fwd=request', { computed: 1 }, { read: false, write: false }],
  ['isolate; fwd=miss; stored', { computed: 1, stored: { isolate: 1, edge: 0 } }, { edge: undefined }],
])('%s', (status, counts, more) => {
  expect(cacheStatus({ ...none, ...counts }, { ...policy, ...more })).toBe(status);
});

it('isolate; fwd=bypass', () => {
  expect(cacheStatus({ ...none, computed: 1 }, undefined)).toBe('isolate; fwd=bypass');
});
