import { BlockList, isIP } from 'node:net';

/** Addresses of an IpAddress condition. */
export interface AddressRange {
  readonly prefixLength: number;
  readonly family: 'ipv4' | 'ipv6';
  includes(address: string): boolean;
}

const mappedPrefix = /^::ffff:(?=\d+\.)/i;

/** IPv4 inside IPv6, as a dual-stack socket names its peers, is the IPv4 address. */
export const plainAddress = (address: string): string => address.replace(mappedPrefix, '');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** A CIDR range (RFC 4632, RFC 4291) or one address; `undefined` when it is neither. */
export function addressRange(text: string): AddressRange | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  const bits = version === 6 ? 128 : 32;
  if (version === 0 || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length)))
    return undefined;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) return undefined;
  const family = familyOf(address);
  const list = new BlockList();
  // The one range that a BlockList does not take.
  if (prefixLength > 0) list.addSubnet(address, prefixLength, family);
  return {
    prefixLength,
    family,
    includes(given) {
      const plain = plainAddress(given);
      if (familyOf(plain) !== family) return false;
      return prefixLength === 0 || list.check(plain, family);
    },
  };
}
