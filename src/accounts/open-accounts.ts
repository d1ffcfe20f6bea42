import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv, KvTransaction } from '../kv/kv.ts';
import {
  ACCOUNT_ID_ATTEMPTS_MAX,
  ACCOUNT_ID_DIGITS,
  KEYS_PER_USER_MAX,
  POLICIES_PER_USER_MAX,
  PAGE_ENTRIES_MAX,
  USERS_MAX,
} from '../limits.ts';
import { rootAccount } from './account-id.ts';
import type { Accounts, KeyPair, NewUser, User } from './accounts.ts';
import { Directory, takenTwice, type DeclaredUser, type Root } from './directory.ts';
import { makeKeyPair } from './key-pair.ts';
import {
  accessKeyKey,
  accountKey,
  decodeUser,
  encodeUser,
  nameOfUserKey,
  userKey,
  userRange,
  type KeyRow,
  type PolicyRow,
  type UserRow,
} from './records.ts';
import { SecretBox } from './secret-box.ts';
import { activePolicies } from './user-policies.ts';

export interface AccountsOptions {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly root: Root;
  /** Of the config. One that is declared no more stays as an account without that key. */
  readonly declared: readonly DeclaredUser[];
  /** SECRETS_KEY_BYTES. */
  readonly secretsKey: Uint8Array;
}

/** All users: those of the store, and those of the config, which get a row, too, so that they keep their account. */
export async function openAccounts(options: AccountsOptions): Promise<Accounts> {
  const { kv, environment, root, declared, secretsKey } = options;
  const box = new SecretBox(secretsKey, environment.random);
  const directory = new Directory(box, root, declared);
  const store = new Store({ kv, environment, box, directory });
  for await (const page of kv.scan(userRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) directory.adopt(nameOfUserKey(key), decodeUser(value));
  }
  for (const user of declared) await store.declare(user);
  return {
    find: (accessKey) => directory.find(accessKey),
    account: (id) => directory.account(id),
    accountOfCanonicalId: (canonicalId) => directory.accountOfCanonicalId(canonicalId),
    holder: (accountId) => directory.holder(accountId),
    accountOfUid: (uid) => directory.accountOfUid(uid),
    accountNamed: (name) => directory.accountNamed(name),
    list: () => directory.list(),
    create: (user) => store.create({ uid: root.uid, gid: root.gid, ...user }),
    remove: (name) => store.remove(name),
    addKey: (name, key) => store.addKey(name, key),
    removeKey: (name, accessKey) => store.removeKey(name, accessKey),
    putPolicy: (name, policy) => store.putPolicy(name, policy),
    removePolicy: (name, policyName) => store.removePolicy(name, policyName),
  };
}

interface StoreParts extends Pick<AccountsOptions, 'kv' | 'environment'> {
  readonly box: SecretBox;
  readonly directory: Directory;
}

/** Changes of users, each one transaction; memory follows when it is durable. */
class Store {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Gives a user of the config its row, or brings the row up to date. */
  async declare({ name, accessKey, uid, gid }: DeclaredUser): Promise<void> {
    refuseReserved(name);
    const holder = this.#parts.directory.find(accessKey);
    if (holder !== undefined && holder.account.displayName !== name) throw takenTwice(accessKey, name);
    await this.#change(async (tx) => {
      const known = await rowOf(tx, name);
      if (known?.uid === uid && known.gid === gid) return;
      this.#put(
        tx,
        name,
        known === undefined ? await this.#newRow(tx, { name, uid, gid }) : { ...known, uid, gid },
      );
    });
  }

  async create(wish: NewUser & Pick<User, 'uid' | 'gid'>): Promise<{ user: User; key: KeyPair }> {
    const { directory, environment } = this.#parts;
    const { name } = wish;
    refuseReserved(name);
    if (directory.size >= USERS_MAX) {
      throw new Fault('quota-exceeded', 'user', `There are ${USERS_MAX} users already: no more fit.`);
    }
    const key = wish.key ?? makeKeyPair(environment.random);
    await this.#change(async (tx) => {
      if ((await tx.get(userKey(name))) !== undefined) throw nameTaken(name);
      const row = await this.#newRow(tx, wish);
      this.#put(tx, name, { ...row, keys: [await this.#newKey(tx, name, key)] });
    });
    const user = directory.user(name);
    if (user === undefined) throw noSuchUser(name); // Removed by another call meanwhile.
    return { user, key };
  }

  async remove(name: string): Promise<void> {
    const { directory } = this.#parts;
    if (directory.declares(name)) throw declaredUser(name);
    await this.#change(async (tx) => {
      const { keys } = await requireRow(tx, name);
      for (const { accessKey } of keys) tx.delete(accessKeyKey(accessKey));
      tx.delete(userKey(name));
      tx.whenCommitted(() => directory.forget(name));
    });
  }

  async addKey(name: string, given: KeyPair | undefined): Promise<KeyPair> {
    const key = given ?? makeKeyPair(this.#parts.environment.random);
    await this.#change(async (tx) => {
      const row = await requireRow(tx, name);
      if (row.keys.length >= KEYS_PER_USER_MAX) {
        const detail = `The user ${name} has ${KEYS_PER_USER_MAX} keys already: delete one first.`;
        throw new Fault('quota-exceeded', 'access-key', detail);
      }
      this.#put(tx, name, { ...row, keys: [...row.keys, await this.#newKey(tx, name, key)] });
    });
    return key;
  }

  async removeKey(name: string, accessKey: string): Promise<void> {
    const known = this.#parts.directory.user(name)?.accessKeys.find((it) => it.accessKey === accessKey);
    if (known?.isDeclared === true) throw declaredUser(name);
    await this.#change(async (tx) => {
      const row = await requireRow(tx, name);
      const keys = row.keys.filter((it) => it.accessKey !== accessKey);
      if (keys.length === row.keys.length) {
        throw new Fault('not-found', 'access-key', `The user ${name} has no access key ${accessKey}.`);
      }
      tx.delete(accessKeyKey(accessKey));
      this.#put(tx, name, { ...row, keys });
    });
  }

  async putPolicy(name: string, policy: PolicyRow): Promise<void> {
    this.#refuseDeclaredPolicy(name, policy.name);
    activePolicies(name, [policy]);
    await this.#change(async (tx) => {
      const row = await requireRow(tx, name);
      const others = row.policies.filter((it) => it.name !== policy.name);
      if (others.length >= POLICIES_PER_USER_MAX) {
        const detail = `The user ${name} has ${POLICIES_PER_USER_MAX} policies already: delete one first.`;
        throw new Fault('quota-exceeded', 'policy', detail);
      }
      this.#put(tx, name, { ...row, policies: [...others, { name: policy.name, text: policy.text }] });
    });
  }

  async removePolicy(name: string, policyName: string): Promise<void> {
    this.#refuseDeclaredPolicy(name, policyName);
    await this.#change(async (tx) => {
      const row = await requireRow(tx, name);
      const policies = row.policies.filter((it) => it.name !== policyName);
      if (policies.length === row.policies.length)
        throw new Fault('not-found', 'policy', `The user ${name} has no policy ${policyName}.`);
      this.#put(tx, name, { ...row, policies });
    });
  }

  #refuseDeclaredPolicy(name: string, policyName: string): void {
    const known = this.#parts.directory.user(name)?.policies.find((it) => it.name === policyName);
    if (known?.isDeclared !== true) return;
    const detail = `The policy ${policyName} of the user ${name} stands in the config: change it there.`;
    throw new Fault('not-permitted', 'policy', detail);
  }

  #change(body: (tx: KvTransaction) => Promise<void>): Promise<void> {
    return this.#parts.kv.transact('durable', body);
  }

  #put(tx: KvTransaction, name: string, row: UserRow): void {
    tx.put(userKey(name), encodeUser(row));
    tx.whenCommitted(() => this.#parts.directory.adopt(name, row));
  }

  async #newRow(tx: KvTransaction, { name, uid, gid }: Omit<DeclaredUser, keyof KeyPair>): Promise<UserRow> {
    const { clock, random } = this.#parts.environment;
    for (let attempt = 0; attempt < ACCOUNT_ID_ATTEMPTS_MAX; attempt += 1) {
      const id = String(random.below(10 ** ACCOUNT_ID_DIGITS)).padStart(ACCOUNT_ID_DIGITS, '0');
      if (id === rootAccount.id || (await tx.get(accountKey(id))) !== undefined) continue;
      tx.put(accountKey(id), Buffer.from(name));
      return { accountId: id, uid, gid, createdAt: clock.wall(), keys: [], policies: [] };
    }
    throw new Fault('unavailable', 'user', 'No free account id was found: try again.');
  }

  async #newKey(tx: KvTransaction, name: string, { accessKey, secretKey }: KeyPair): Promise<KeyRow> {
    const { directory, box, environment } = this.#parts;
    const row = accessKeyKey(accessKey);
    // Keys of root and of the config have no row.
    if (directory.find(accessKey) !== undefined || (await tx.get(row)) !== undefined) {
      throw new Fault('exists', 'access-key', `The access key ${accessKey} is taken: choose another.`);
    }
    tx.put(row, Buffer.from(name));
    return { accessKey, sealed: box.seal(accessKey, secretKey), createdAt: environment.clock.wall() };
  }
}

async function rowOf(tx: KvTransaction, name: string): Promise<UserRow | undefined> {
  const bytes = await tx.get(userKey(name));
  return bytes === undefined ? undefined : decodeUser(bytes);
}

async function requireRow(tx: KvTransaction, name: string): Promise<UserRow> {
  const row = await rowOf(tx, name);
  if (row === undefined) throw noSuchUser(name);
  return row;
}

function refuseReserved(name: string): void {
  if (name === rootAccount.displayName) throw nameTaken(name);
}

const nameTaken = (name: string): Fault => new Fault('exists', 'user', `There is a user ${name} already.`);
const noSuchUser = (name: string): Fault => new Fault('not-found', 'user', `There is no user ${name}.`);
const declaredUser = (name: string): Fault =>
  new Fault('not-permitted', 'user', `The user ${name} and its key stand in the config: remove them there.`);
