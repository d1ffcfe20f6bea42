import type { Environment } from '../environment.ts';
import { SESSIONS_CACHED_MAX } from '../limits.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';
import { accountArn, userArn } from '../policy/principal.ts';
import type { Accounts, Credential, Holder, KeyPair } from './accounts.ts';
import { makeKeyPair } from './key-pair.ts';
import { roleArn, type Roles } from './roles.ts';
import { SessionTokens, type SessionClaims, type SessionSubject } from './session-token.ts';

/** By which names somebody is known; AWS calls it the caller identity. */
export interface Identity {
  readonly arn: string;
  /** AWS: "unique ID", with the name of the session behind it. */
  readonly userId: string;
  /** Names that policies may have for it. */
  readonly names: readonly string[];
}

/** Who a permanent key stands for. */
export function identityOf({ account, isRoot }: Pick<Holder, 'account' | 'isRoot'>): Identity {
  const arn = isRoot ? accountArn(account.id) : userArn(account.id, account.displayName);
  return { arn, userId: account.id, names: [arn] };
}

/** IAM User Guide, "Principal key values". */
export function principalTypeOf(
  { isRoot }: Pick<Holder, 'isRoot'>,
  session: Pick<Session, 'kind'> | undefined,
): 'Account' | 'AssumedRole' | 'FederatedUser' | 'User' {
  if (session?.kind === 'role') return 'AssumedRole';
  if (session?.kind === 'federated') return 'FederatedUser';
  return isRoot ? 'Account' : 'User';
}

/** What temporary keys stand for at this moment. */
export interface Session extends Credential {
  readonly kind: 'user' | 'federated' | 'role';
  readonly identity: Identity;
  /** What it is cut down to, besides; `undefined`: to nothing. */
  readonly sessionPolicies: readonly Policy[] | undefined;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
}

export interface IssuedKeys extends KeyPair {
  readonly token: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export interface SessionWish {
  readonly subject: SessionSubject;
  readonly seconds: number;
  /** Document of the inline session policy, parsed before. */
  readonly policy: string | undefined;
}

export type SessionRefusal = 'unknown-key' | 'expired-token' | 'invalid-token';

export interface SessionsOptions {
  readonly environment: Environment;
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly secretsKey: Uint8Array;
}

/** A token after it was opened; who it stands for is looked up at each use. */
interface Opened {
  readonly claims: SessionClaims;
  readonly policy: Policy | undefined;
}

/** Temporary keys: made here, known by their tokens alone, good as long as whom they stand for. */
export class Sessions {
  readonly #parts: SessionsOptions;
  readonly #tokens: SessionTokens;
  readonly #opened = new Map<string, Opened>();

  constructor(parts: SessionsOptions) {
    this.#parts = parts;
    this.#tokens = new SessionTokens(parts.secretsKey, parts.environment.random);
  }

  issue({ subject, seconds, policy }: SessionWish): IssuedKeys {
    const { clock, random } = this.#parts.environment;
    const issuedAt = clock.wall().seconds;
    const expiresAt = issuedAt + seconds;
    const pair = makeKeyPair(random, 'ASIA');
    return {
      ...pair,
      expiresAt,
      token: this.#tokens.seal({ ...pair, subject, issuedAt, expiresAt, policy }),
    };
  }

  /** Whom the token and its access key stand for now. */
  find(accessKey: string, token: string): Session | SessionRefusal {
    const opened = this.#open(token);
    if (opened === undefined || opened.claims.accessKey !== accessKey) return 'invalid-token';
    if (this.#parts.environment.clock.wall().seconds >= opened.claims.expiresAt) return 'expired-token';
    return this.#sessionOf(opened) ?? 'unknown-key';
  }

  #open(token: string): Opened | undefined {
    const known = this.#opened.get(token);
    if (known !== undefined) return known;
    const claims = this.#tokens.open(token);
    if (claims === undefined) return undefined;
    const policy = claims.policy === undefined ? undefined : parsePolicy(claims.policy, 'identity');
    const opened = { claims, policy };
    if (this.#opened.size >= SESSIONS_CACHED_MAX) {
      for (const oldest of this.#opened.keys()) {
        this.#opened.delete(oldest);
        break;
      }
    }
    this.#opened.set(token, opened);
    return opened;
  }

  #sessionOf({ claims, policy }: Opened): Session | undefined {
    const { accessKey, secretKey, issuedAt, subject } = claims;
    const common = { accessKey, secretKey, issuedAt };
    if (subject.kind === 'role') return this.#ofRole(subject, { ...common, policy });
    const parent = this.#parts.accounts.find(subject.parentKey);
    // A key that was deleted may since have been given to another user.
    if (parent?.account.id !== subject.accountId) return undefined;
    const { account } = parent;
    const { federatedName } = subject;
    const isFederated = federatedName !== undefined;
    const arn = `arn:aws:sts::${account.id}:federated-user/${federatedName}`;
    return {
      ...parent,
      ...common,
      kind: isFederated ? 'federated' : 'user',
      identity: isFederated
        ? { arn, userId: `${account.id}:${federatedName}`, names: [arn] }
        : identityOf(parent),
      // AWS: without a policy, a federated user may do nothing.
      sessionPolicies: policy === undefined ? (isFederated ? [] : undefined) : [policy],
    };
  }

  #ofRole(
    subject: SessionSubject & { readonly kind: 'role' },
    { policy, ...common }: KeyPair & { readonly issuedAt: number; readonly policy: Policy | undefined },
  ): Session | undefined {
    const { accounts, roles } = this.#parts;
    const role = roles.find(subject.name);
    const holder = role?.id === subject.id ? accounts.holder(role.account.id) : undefined;
    if (role === undefined || holder === undefined) return undefined;
    const { account, uid, gid } = holder;
    const arn = `arn:aws:sts::${account.id}:assumed-role/${role.name}/${subject.sessionName}`;
    return {
      ...common,
      account,
      uid,
      gid,
      isRoot: false,
      kind: 'role',
      identity: {
        arn,
        userId: `${role.id}:${subject.sessionName}`,
        names: [arn, roleArn(account.id, role.name)],
      },
      policies: role.allowing,
      sessionPolicies: policy === undefined ? undefined : [policy],
    };
  }
}
