/** Where a worker answers, by the routes of wrangler.toml. */
import { expect, it } from 'vitest';

import { addressOfRoute, explainRoute } from '../../../models/account/addresses.ts';

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
  expect(addressOfRoute(pattern)).toBe(address);
});

it('says why a route has no address', () => {
  expect(explainRoute('*.example.com/*')).toContain('has many hosts: ask one of them');
  expect(explainRoute('example.com/masks/*')).toContain('does not lead to /fill-mask');
});
