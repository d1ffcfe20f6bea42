import { isIP } from 'node:net';
import type { Accounts, Credential } from '../../accounts/accounts.ts';
import { isLoopback } from '../../config/address.ts';
import type { Clock } from '../../environment.ts';
import type { SignedRequest, SigningKeys } from '../../signing/sigv4.ts';
import { verifySignature } from '../../signing/verify.ts';

/** Name of the service in the credential scope: a request that is signed for S3 is none for the admin API. */
export const adminService = 'terrace-admin';

/** What decides about a call before its body is read. */
export interface AdminCaller {
  readonly peer: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * True for a program of this machine that speaks for itself. A proxy in front speaks for others, and a web page can
 * reach this address by a host name of its own (DNS rebinding), so both count as remote.
 */
export function isLocal({ peer, headers }: AdminCaller): boolean {
  const host = (headers['host'] ?? '').replace(/:\d+$/, '');
  const isOwnName = host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => name in headers);
  return isLoopback(peer.replace(/^::ffff:/, '')) && isOwnName && !isForwarded;
}

/** What a row asks of its caller. */
export type Access = 'open' | 'local' | 'root';

/**
 * Whether a call must be signed. `open`: anyone who reaches the address may make it. `local`: programs of this machine,
 * which could look into the process anyway, and others with the root keys. `root`: whoever has the root keys, from this
 * machine as well.
 */
export const needsSignature = (access: Access, caller: AdminCaller): boolean =>
  access === 'root' || (access === 'local' && !isLocal(caller));

export interface AdminSigning {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly accounts: Pick<Accounts, 'find'>;
}

/** Why a caller may not call. */
export interface AdminRefusal {
  readonly status: 401 | 403;
  readonly message: string;
}

export const unsigned: AdminRefusal = {
  status: 401,
  message: `this call must be signed with the root keys: AWS Signature Version 4, service ${adminService}`,
};

/** Why the signer of a request with this body may not make it; `undefined`: it may. */
export function refusalOf(
  { clock, keys, accounts }: AdminSigning,
  request: SignedRequest,
  body: Uint8Array,
): AdminRefusal | undefined {
  const find = (
    accessKey: string,
    token: string | undefined,
  ): Credential | 'unknown-key' | 'invalid-token' => {
    const found = accounts.find(accessKey);
    if (found === undefined) return 'unknown-key';
    return token === undefined ? found : 'invalid-token';
  };
  // A client of one gateway need not know its region; the signature covers whichever it says.
  const rules = { clock, keys, service: adminService, region: undefined, find };
  const verdict = verifySignature(rules, request, body);
  if ('refusal' in verdict) return { status: 401, message: verdict.refusal.message };
  if (verdict.signer.isRoot) return undefined;
  return { status: 403, message: 'only the root keys may make this call' };
}
