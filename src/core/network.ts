import { isIPv6 } from 'node:net';

/**
 * Returns the network that an address is counted by: an IPv4 address itself, an IPv6 address by its prefix, as one customer of a provider
 * has all of a /64 and often of a /56. An IPv4 address in IPv6 form is the same caller as without it.
 *
 * @param prefixBits bits of an IPv6 address that distinguish callers
 */
export function toNetwork(address: string | undefined, prefixBits: 56 | 64): string {
  const host = withoutPort(address ?? 'unknown');
  const groups = parseGroups(host);
  if (!groups) return host;
  if (isMappedIpv4(groups)) return groups.slice(6).flatMap(toBytes).join('.');
  const kept = groups.map((group, index) => {
    const bits = Math.min(Math.max(prefixBits - index * 16, 0), 16);
    return group & (0xffff << (16 - bits)) & 0xffff;
  });
  const text = kept.map((group) => group.toString(16)).slice(0, Math.ceil(prefixBits / 16));
  return `${text.join(':')}::/${prefixBits}`;
}

/** Removes the port that some proxies add in X-Forwarded-For: it differs with each connection of the same caller. */
function withoutPort(address: string): string {
  return address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1').replace(/^\[(.+)\](?::\d+)?$/, '$1');
}

/** Returns the eight groups of an IPv6 address; null for any other text. */
function parseGroups(address: string): number[] | null {
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return null;
  // A URL writes an address in one form, without dots.
  const [head = '', tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

function isMappedIpv4(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

function toBytes(group: number): number[] {
  return [group >> 8, group & 0xff];
}
