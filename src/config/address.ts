import { isIP, isIPv4 } from 'node:net';
import { UsageError } from './usage-error.ts';

/** Where a door listens. `host` has no brackets; `port` 0 asks for a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (all addresses). UsageError when it is none of them. */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits = ''] =
    /^(?:\[([^\]]*)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const port = Number(digits);
  const isAddress = digits !== '' && port <= 65_535 && (bracketed === undefined || isIP(bracketed) === 6);
  if (!isAddress) {
    throw new UsageError(
      `"${text}" is not an address: write HOST:PORT, for example 127.0.0.1:9000 or [::1]:9000`,
    );
  }
  const host = bracketed ?? plain ?? '';
  return { host: host === '' ? '::' : host, port };
}

/** `HOST:PORT`, with brackets round an IPv6 host: fit for a URL. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** True when only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** A network of clients: `10.0.0.0/8`, `fd00::/8` or one address. Returns it unchanged. UsageError otherwise. */
export function parseNetwork(text: string): string {
  const [host = '', digits, ...rest] = text.split('/');
  const family = isIP(host);
  const bitsMax = family === 4 ? 32 : 128;
  const isPrefix = digits === undefined || (/^\d{1,3}$/.test(digits) && Number(digits) <= bitsMax);
  if (family === 0 || rest.length > 0 || !isPrefix) {
    throw new UsageError(`"${text}" is not a network: write for example 10.0.0.0/8, fd00::/8 or 192.0.2.7`);
  }
  return text;
}
