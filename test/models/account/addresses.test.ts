/** Where a worker answers, by the routes of wrangler.toml. */
import { expect, it } from 'vitest';

import { addressOfRoute, explainRoute } from '../../../models/account/addresses.ts';
import { basePathOf } from '../../../models/bucket/deployed.ts';

it.each([
  ['fill-mask.example.com', 'https://fill-mask.example.com'],
  ['example.com/*', 'https://example.com'],
  ['https://example.com/*', 'https://example.com'],
  ['*example.com/*', 'https://example.com'],
  ['example.com/fill-mask', 'https://example.com'],
  ['example.com/fill*', 'https://example.com'],
  ['*.example.com/*', undefined],
  ['*/fill-mask', undefined],
  ['example.com/masks/*', undefined],
  ['example.com', 'https://example.com'],
  ['example.com/', undefined],
])('%s leads from %s', (pattern, address) => {
  expect(addressOfRoute(pattern, '')).toBe(address);
});

it.each([
  ['example.com/masks/*', 'https://example.com/masks'],
  ['example.com/*', 'https://example.com/masks'],
  ['fill-mask.example.com', 'https://fill-mask.example.com/masks'],
  ['example.com/other/*', undefined],
])('%s leads to BASE_PATH /masks from %s', (pattern, address) => {
  expect(addressOfRoute(pattern, '/masks')).toBe(address);
});

it.each([
  ['/masks', '/masks'],
  // The worker answers each of these with what is wrong with it.
  ['/masks/', '/masks'],
  ['masks', ''],
  [undefined, ''],
])('BASE_PATH = %j is asked at %j', (BASE_PATH, path) => {
  expect(basePathOf({ BASE_PATH })).toBe(path);
});

it('says why a route has no address', () => {
  expect(explainRoute('*.example.com/*', '')).toContain('has many hosts: ask one of them');
  expect(explainRoute('example.com/masks/*', '')).toContain('does not lead to /fill-mask');
});
