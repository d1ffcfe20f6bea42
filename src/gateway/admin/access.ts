import { isIP } from 'node:net';
import type { Accounts, Credential } from '../../accounts/accounts.ts';
import { identityOf, principalTypeOf, type Session, type Sessions } from '../../accounts/sessions.ts';
import { isLoopback } from '../../config/address.ts';
import type { Clock } from '../../environment.ts';
import { plainAddress } from '../../policy/address-range.ts';
import { evaluateAll } from '../../policy/evaluate.ts';
import type { SignedRequest, SigningKeys } from '../../signing/sigv4.ts';
import { verifySignature, type KeyRefusal } from '../../signing/verify.ts';
import { canonicalSubject, type SubjectSources } from './quota-subject.ts';

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
function isLocal({ peer, headers }: AdminCaller): boolean {
  const host = (headers['host'] ?? '').replace(/:\d+$/, '');
  const isOwnName = host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => name in headers);
  return isLoopback(peer.replace(/^::ffff:/, '')) && isOwnName && !isForwarded;
}

/** What a row asks of its caller. */
export type Access = 'open' | 'local' | 'granted';

/**
 * Whether a call must be signed. `open`: anyone who reaches the address may make it. `local`: programs of this machine,
 * which could look into the process anyway, and others like `granted`. `granted`: whoever has the root keys or is a user
 * with an identity policy that allows it, from this machine as well.
 */
export const needsSignature = (access: Access, caller: AdminCaller): boolean =>
  access === 'granted' || (access === 'local' && !isLocal(caller));

export interface AdminSigning {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly accounts: Pick<Accounts, 'find'>;
  readonly sessions: Pick<Sessions, 'find'>;
}

/** Why a caller may not call. */
export interface AdminRefusal {
  readonly status: 401 | 403;
  readonly message: string;
}

export const unsigned: AdminRefusal = {
  status: 401,
  message: `this call must be signed with the root keys or those of a user who may make it: AWS Signature Version 4, service ${adminService}`,
};

/** What a call does, in the words of policies. */
export interface AdminQuestion {
  /** `terrace:` and the name of the row. */
  readonly action: string;
  readonly resource: string;
  readonly peer: string;
}

/** Parameters of paths that name a resource. */
type ResourceParam = 'bucket' | 'name' | 'role' | 'export' | 'storagePolicy' | '*';

/**
 * Of a call about a user, a role, an export, an attached bucket, a storage policy or a quota (`quota/bucket/photos`, `quota/user/1001` whatever way the call names that user);
 * `arn:aws:terrace:::*` of any other, which stands for no resource in particular.
 */
export const resourceOf = (accounts: SubjectSources['accounts'], params: unknown): string => {
  const given = (params ?? {}) as { readonly [Name in ResourceParam]?: string };
  if (given.storagePolicy !== undefined) return `arn:aws:terrace:::storage-policy/${given.storagePolicy}`;
  if (given.export !== undefined) return `arn:aws:terrace:::export/${given.export}`;
  if (given.bucket !== undefined) return `arn:aws:terrace:::bucket/${given.bucket}`;
  const { name, role, '*': quota } = given;
  const owner = role === undefined ? name && `user/${name}` : `role/${role}`;
  const about = quota === undefined ? owner : `quota/${canonicalSubject(accounts, quota)}`;
  return `arn:aws:terrace:::${about ?? '*'}`;
};

/** Why the signer of a request with this body may not make it; `undefined`: it may. */
export function refusalOf(
  { clock, keys, accounts, sessions }: AdminSigning,
  { request, body }: { readonly request: SignedRequest; readonly body: Uint8Array },
  question: AdminQuestion,
): AdminRefusal | undefined {
  const find = (accessKey: string, token: string | undefined): Credential | Session | KeyRefusal =>
    token === undefined ? (accounts.find(accessKey) ?? 'unknown-key') : sessions.find(accessKey, token);
  // A client of one gateway need not know its region; the signature covers whichever it says.
  const rules = { clock, keys, service: adminService, region: undefined, find };
  const verdict = verifySignature(rules, request, body);
  if ('refusal' in verdict) return { status: 401, message: verdict.refusal.message };
  if (mayCall(verdict.signer, question, clock)) return undefined;
  return {
    status: 403,
    message: `only the root keys and users with a policy that allows ${question.action} may make this call`,
  };
}

/**
 * Root may call everything; others only what their identity policies allow: nothing here belongs to their accounts. A
 * session may do no more than its own policy says.
 */
function mayCall(
  signer: Credential | Session,
  { action, resource, peer }: AdminQuestion,
  clock: Clock,
): boolean {
  const { isRoot, policies, account } = signer;
  const session = 'kind' in signer ? signer : undefined;
  const { names, userId } = session?.identity ?? identityOf(signer);
  const { seconds } = clock.wall();
  const values: Readonly<Record<string, string | undefined>> = {
    'aws:currenttime': `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`,
    'aws:epochtime': String(seconds),
    'aws:principalaccount': account.id,
    'aws:principalarn': names.at(-1),
    'aws:principaltype': principalTypeOf(signer, session),
    'aws:securetransport': 'false',
    'aws:sourceip': plainAddress(peer),
    'aws:userid': userId,
    'aws:username': principalTypeOf(signer, session) === 'User' ? account.displayName : undefined,
  };
  const lookup = (key: string): readonly string[] | undefined => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    return value === undefined ? undefined : [value];
  };
  const question = { action, resource, requester: { names, accountNames: [] }, lookup };
  const isGranted = isRoot || evaluateAll(policies ?? [], question) === 'allow';
  const cut = session?.sessionPolicies;
  return isGranted && (cut === undefined || evaluateAll(cut, question) === 'allow');
}
