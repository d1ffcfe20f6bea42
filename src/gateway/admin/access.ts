import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Accounts, Credential } from '../../accounts/accounts.ts';
import { isLoopback } from '../../config/address.ts';

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

/** Whose key the call carries as HTTP Basic credentials (RFC 7617); `undefined` when none that is right. */
export function signerOf({ headers }: AdminCaller, accounts: Pick<Accounts, 'find'>): Credential | undefined {
  const [, credentials] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(String(headers['authorization'] ?? '')) ?? [];
  if (credentials === undefined) return undefined;
  const [accessKey = '', ...rest] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  const credential = accounts.find(accessKey);
  return credential !== undefined && isSame(rest.join(':'), credential.secretKey) ? credential : undefined;
}

/** What a row asks of its caller. */
export type Access = 'open' | 'local' | 'root';

/**
 * Why a caller may not call, as HTTP status and sentence; `undefined`: it may. `open`: anyone who reaches the address.
 * `local`: programs of this machine, which could look into the process anyway, and others with the root keys. `root`:
 * whoever has the root keys, from this machine as well.
 */
export function refusalOf(
  access: Access,
  caller: AdminCaller,
  accounts: Pick<Accounts, 'find'>,
): { readonly status: 401 | 403; readonly message: string } | undefined {
  if (access === 'open' || (access === 'local' && isLocal(caller))) return undefined;
  const signer = signerOf(caller, accounts);
  if (signer?.isRoot === true) return undefined;
  if (signer !== undefined) return { status: 403, message: 'only the root keys may make this call' };
  const where = access === 'local' ? 'from another machine this' : 'this';
  return { status: 401, message: `${where} call needs the root keys (HTTP Basic)` };
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** In constant time: hashes have one length. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(hashOf(one), hashOf(other));
