import { expect, it } from 'vitest';

import { networksOf } from '../../../src/http/networks.ts';

it.each([
  ['2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
  ['2001:db8::2', '2001:db8::/64', '2001:db8::/48'],
  ['2001:db8:0:0:ffff::', '2001:db8::/64', '2001:db8::/48'],
  ['2001:DB8:1:2:3::4', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:0db8:0001:0002:0009:0000:0000:0009', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8:1:3::4', '2001:db8:1:3::/64', '2001:db8:1::/48'],
  ['::1', '::/64', '::/48'],
  ['fe80::1%eth0', 'fe80::/64', 'fe80::/48'],
  ['2001:db8::1%eth0', '2001:db8::/64', '2001:db8::/48'],
  ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:0201', '192.0.2.1', '192.0.2.1'],
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['1::2::3', '1::2::3', '1::2::3'],
  ['unknown', 'unknown', 'unknown'],
])('%s is of the client %s and of the site %s', (address, client, site) => {
  expect(networksOf(address)).toMatchObject({ client, site });
});

it.each([1, 16, 256])('the networks of a site are in four shares of about the same size, in steps of %i', (step) => {
  const count = 65_536 / step;
  const shares = Array.from({ length: count }, (_, i) => networksOf(`2001:db8:1:${(i * step).toString(16)}::1`).share);
  for (const share of [0, 1, 2, 3]) {
    const part = shares.filter((one) => one === share).length / count;
    expect(part, String(share)).toBeGreaterThan(0.15);
    expect(part, String(share)).toBeLessThan(0.35);
  }
});
