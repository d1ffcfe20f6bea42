import type { Time } from '../environment.ts';
import type { Policy } from '../policy/policy.ts';
import type { UserPolicy } from './user-policies.ts';

/** Whom buckets belong to and what a request is done for. */
export interface Account {
  /** Twelve digits; never given twice. */
  readonly id: string;
  /** 64 hexadecimal digits, derived from the id. AWS: "canonical user ID". */
  readonly canonicalId: string;
  /** The user's name; the id when the user is gone. */
  readonly displayName: string;
}

/** What a client signs with. */
export interface KeyPair {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface AccessKey {
  readonly accessKey: string;
  readonly createdAt: Time;
  /** It stands in the config and goes only with it. */
  readonly isDeclared: boolean;
}

/** One account with its keys. */
export interface User {
  readonly name: string;
  readonly account: Account;
  /** Owner and group, in the tree, of what the user makes through S3. */
  readonly uid: number;
  readonly gid: number;
  readonly createdAt: Time;
  readonly accessKeys: readonly AccessKey[];
  /** Without any it may do whatever its account may, with any only what they allow. */
  readonly policies: readonly UserPolicy[];
}

/** Owner and group, in the tree, of what an account makes. */
interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

/** Who has an account: its user, or root. */
export interface Holder extends OwnerIds {
  readonly account: Account;
  readonly isRoot: boolean;
}

/** What a request needs to know about its key. The same object as long as neither key nor user changes. */
export interface Credential extends KeyPair, Holder {
  /** `undefined`: it may do whatever its account may. */
  readonly policies: readonly Policy[] | undefined;
}

export interface NewUser {
  readonly name: string;
  /** Absent: made at random. */
  readonly key?: KeyPair;
  /** Absent: those of the root account. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * All users of the gateway. Look-ups are answered from memory, because each request makes one. Changes are durable when
 * they resolve and count from then on. Faults have the subjects 'user' and 'access-key' and a sentence as detail.
 */
export interface Accounts {
  /** Among the keys of root and of all users. */
  find(accessKey: string): Credential | undefined;
  /** The account with that id, also when its user is gone; `undefined` means root. */
  account(id: string | undefined): Account;
  /** The account with that canonical id, as long as its user is there. */
  accountOfCanonicalId(canonicalId: string): Account | undefined;
  /** By the account's id; `undefined` when its user is gone. */
  holder(accountId: string): Holder | undefined;
  /** Whose files those with this owner are; `undefined` when nobody has the id, or several users share it. */
  accountOfUid(uid: number): Account | undefined;
  /** The account of `root` or of the user with that name; `undefined` when there is none. */
  accountNamed(name: string): Account | undefined;
  /** Without root, by name. */
  list(): readonly User[];
  /** Fault('exists') when the name or the access key is taken. */
  create(user: NewUser): Promise<{ readonly user: User; readonly key: KeyPair }>;
  /** With all keys. Fault('not-found'); Fault('not-permitted') for one that the config declares. */
  remove(name: string): Promise<void>;
  /** A further key, made at random unless given. Fault('not-found'), Fault('exists'), Fault('quota-exceeded'). */
  addKey(name: string, key: KeyPair | undefined): Promise<KeyPair>;
  /** Fault('not-found'); Fault('not-permitted') for one that the config declares. */
  removeKey(name: string, accessKey: string): Promise<void>;
  /**
   * Adds the policy or replaces the one of its name. Fault('not-found', 'user'), Fault('invalid-argument', 'policy'),
   * Fault('quota-exceeded', 'policy'), Fault('not-permitted') for a name that the config has.
   */
  putPolicy(name: string, policy: Pick<UserPolicy, 'name' | 'text'>): Promise<void>;
  /** Fault('not-found'); Fault('not-permitted') for one that the config declares. */
  removePolicy(name: string, policyName: string): Promise<void>;
}
