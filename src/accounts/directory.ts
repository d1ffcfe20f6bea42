import type { Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import { accountOf, anonymousAccount, ec2Account, rootAccount } from './account-id.ts';
import type { Account, Credential, Holder, KeyPair, User } from './accounts.ts';
import { UidBook } from './uid-book.ts';
import type { UserRow } from './records.ts';
import type { SecretBox } from './secret-box.ts';
import { activePolicies, declaredPolicies, type UserPolicy } from './user-policies.ts';

/** A user that the config declares; its key is never stored. */
export interface DeclaredUser extends KeyPair {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Documents, JSON. */
  readonly policies?: readonly string[];
}

export interface Root extends KeyPair {
  readonly uid: number;
  readonly gid: number;
}

const wellKnown: readonly Account[] = [rootAccount, anonymousAccount, ec2Account];

/** All users in memory, as requests look them up; open-accounts.ts changes the store first and then this. */
export class Directory {
  readonly #box: SecretBox;
  readonly #declared: ReadonlyMap<string, DeclaredUser>;
  readonly #root: Credential;
  readonly #rows = new Map<string, UserRow>();
  readonly #accounts = new Map(wellKnown.map((account) => [account.id, account]));
  /** The same accounts by canonical id. */
  readonly #canonical = new Map(wellKnown.map((account) => [account.canonicalId, account]));
  readonly #credentials = new Map<string, Credential>();
  readonly #uids: UidBook;

  constructor(box: SecretBox, root: Root, declared: readonly DeclaredUser[]) {
    this.#box = box;
    this.#declared = new Map(declared.map((user) => [user.name, user]));
    this.#root = { ...root, account: rootAccount, isRoot: true, policies: undefined };
    this.#credentials.set(root.accessKey, this.#root);
    this.#uids = new UidBook(root.uid);
  }

  get size(): number {
    return this.#rows.size;
  }

  find(accessKey: string): Credential | undefined {
    return this.#credentials.get(accessKey);
  }

  account(id: string | undefined): Account {
    return id === undefined ? rootAccount : (this.#accounts.get(id) ?? accountOf(id, id));
  }

  accountOfCanonicalId(canonicalId: string): Account | undefined {
    return this.#canonical.get(canonicalId);
  }

  holder(accountId: string): Holder | undefined {
    if (accountId === rootAccount.id) return this.#root;
    const account = this.#accounts.get(accountId);
    const row = account && this.#rows.get(account.displayName);
    return row && account && { account, uid: row.uid, gid: row.gid, isRoot: false };
  }

  accountOfUid(uid: number): Account | undefined {
    return this.#uids.account(uid);
  }

  accountNamed(name: string): Account | undefined {
    return name === rootAccount.displayName ? rootAccount : this.user(name)?.account;
  }

  declares(name: string): boolean {
    return this.#declared.has(name);
  }

  user(name: string): User | undefined {
    const row = this.#rows.get(name);
    return row === undefined ? undefined : this.#userOf(name, row);
  }

  list(): readonly User[] {
    const names = [...this.#rows.keys()].sort();
    return names.map((name) => this.#userOf(name, this.#rows.get(name) as UserRow));
  }

  /** Takes the row in the place of what was known of the user. Fault('exists') when a key has two owners. */
  adopt(name: string, row: UserRow): void {
    this.forget(name);
    const account = accountOf(row.accountId, name);
    this.#rows.set(name, row);
    this.#accounts.set(account.id, account);
    this.#canonical.set(account.canonicalId, account);
    const { uid, gid } = row;
    this.#uids.add(uid, account);
    const policies = activePolicies(name, this.#policiesOf(name, row));
    for (const { accessKey, secretKey } of this.#pairsOf(name, row)) {
      if (this.#credentials.has(accessKey)) throw takenTwice(accessKey, name);
      this.#credentials.set(accessKey, { accessKey, secretKey, account, uid, gid, isRoot: false, policies });
    }
  }

  forget(name: string): void {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    for (const { accessKey } of this.#userOf(name, row).accessKeys) this.#credentials.delete(accessKey);
    this.#uids.remove(row.uid, row.accountId);
    this.#accounts.delete(row.accountId);
    this.#canonical.delete(accountOf(row.accountId, name).canonicalId);
    this.#rows.delete(name);
  }

  *#pairsOf(name: string, row: UserRow): Generator<KeyPair> {
    const declared = this.#declared.get(name);
    if (declared !== undefined) yield declared;
    for (const { accessKey, sealed } of row.keys) {
      yield { accessKey, secretKey: this.#box.open(accessKey, sealed) };
    }
  }

  #policiesOf(name: string, { policies }: UserRow): readonly UserPolicy[] {
    const declared = declaredPolicies(this.#declared.get(name)?.policies ?? []);
    return [...declared, ...policies.map((policy) => ({ ...policy, isDeclared: false }))];
  }

  #userOf(name: string, row: UserRow): User {
    const { accountId, uid, gid, createdAt, keys } = row;
    const declared = this.#declared.get(name);
    const keyOf = (accessKey: string, at: Time, isDeclared: boolean): User['accessKeys'][number] => ({
      accessKey,
      createdAt: at,
      isDeclared,
    });
    return {
      name,
      account: accountOf(accountId, name),
      uid,
      gid,
      createdAt,
      accessKeys: [
        ...(declared === undefined ? [] : [keyOf(declared.accessKey, createdAt, true)]),
        ...keys.map((key) => keyOf(key.accessKey, key.createdAt, false)),
      ],
      policies: this.#policiesOf(name, row),
    };
  }
}

export const takenTwice = (accessKey: string, name: string): Fault =>
  new Fault(
    'exists',
    'access-key',
    `The access key ${accessKey} of the user ${name} is also another's: give the root keys and the users of the config keys of their own.`,
  );
