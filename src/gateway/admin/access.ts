import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { isLoopback } from '../../config/address.ts';

export interface AdminKeys {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** What decides about a call. Header names are in lower case. */
export interface AdminCaller {
  readonly peer: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * True for a program of this machine that speaks for itself. A proxy in front speaks for others, and a web page can
 * reach this address by a host name of its own (DNS rebinding), so both count as remote.
 */
export function isLocal({ peer, headers }: AdminCaller): boolean {
  const host = String(headers['host'] ?? '').replace(/:\d+$/, '');
  const isOwnName = host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => name in headers);
  return isLoopback(peer.replace(/^::ffff:/, '')) && isOwnName && !isForwarded;
}

/** True when the call carries the root keys as HTTP Basic credentials (RFC 7617). */
export function hasRootKeys({ headers }: AdminCaller, keys: AdminKeys): boolean {
  const [, credentials] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(String(headers['authorization'] ?? '')) ?? [];
  if (credentials === undefined) return false;
  const given = Buffer.from(credentials, 'base64').toString('utf8');
  return isSame(given, `${keys.accessKey}:${keys.secretKey}`);
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** In constant time: hashes have one length. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(hashOf(one), hashOf(other));
