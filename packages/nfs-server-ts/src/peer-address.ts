const mapped = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** An IPv4 address as it is, also one that a socket for both families shows mapped into IPv6 (RFC 4291 §2.5.5.2). */
export const plainAddress = (address: string): string => address.replace(mapped, '');

/**
 * Whom to count a peer's connections and bytes for: an IPv4 address, also one mapped into IPv6; the first 64 bits of another IPv6
 * address, which are one site's (RFC 4291 §2.5.4: everyone there has 2^64 addresses to come from). What is no address is itself.
 */
export function peerGroup(client: string): string {
  const address = plainAddress(client.split('%', 1)[0]!);
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // `::` stands for as many zeros as are missing.
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
