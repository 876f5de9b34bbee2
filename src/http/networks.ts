/** The networks of an IP address. No I/O. */
import {
  convertIPv4BinaryToString,
  convertIPv4MappedIPv6ToIPv4,
  convertIPv6BinaryToString,
  convertIPv6ToBinary,
  isIPv4MappedIPv6,
} from 'hono/utils/ipaddr';

export interface Networks {
  /** What one client has: an address of IPv4, or 64 bits of IPv6. */
  readonly client: string;
  /** What one site may have: the same of IPv4, or 48 bits of IPv6. */
  readonly site: string;
  /** Which of the four shares of its site the client is in. */
  readonly share: number;
}

/** @param address in any form of IPv4 or IPv6; anything else is its own network */
export function networksOf(address: string): Networks {
  const itself = { client: address, site: address, share: 0 };
  if (!address.includes(':')) return itself;
  let bits: bigint;
  try {
    // A zone names an interface of one machine.
    bits = convertIPv6ToBinary(address.replace(/%.*$/, ''));
  } catch {
    return itself;
  }
  if (isIPv4MappedIPv6(bits)) {
    const mapped = convertIPv4BinaryToString(convertIPv4MappedIPv6ToIPv4(bits));
    return { client: mapped, site: mapped, share: 0 };
  }
  const prefix = (length: bigint) =>
    `${convertIPv6BinaryToString((bits >> (128n - length)) << (128n - length))}/${length}`;
  // Providers give a customer the networks from one round number to the next, and most use the first: the last bits would say little.
  const share = Math.imul(Number((bits >> 64n) & 0xffffn), 0x9e3779b1) >>> 30;
  return { client: prefix(64n), site: prefix(48n), share };
}
