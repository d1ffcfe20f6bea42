import { hash } from 'node:crypto';
import type { Environment, Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import {
  PAGE_ENTRIES_MAX,
  ROLE_POLICIES_MAX,
  ROLE_POLICY_CHARS_MAX,
  ROLE_TRUST_CHARS_MAX,
  ROLES_MAX,
} from '../limits.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';
import type { Account, Accounts } from './accounts.ts';
import { makeKeyPair } from './key-pair.ts';
import { decodeRole, encodeRole, nameOfRoleKey, roleKey, roleRange, type RoleRow } from './role-records.ts';

/** What users may become for a time. It may do what its policies allow, as its account. */
export interface Role {
  readonly name: string;
  /** Never given twice, also when the name is. AWS: "unique ID". */
  readonly id: string;
  readonly account: Account;
  readonly arn: string;
  /** Documents: who may assume it, and what it may do. */
  readonly trust: string;
  readonly policies: readonly string[];
  /** `undefined` for one that the config declares. */
  readonly createdAt: Time | undefined;
}

/** A role with its policies ready to be asked. */
export interface ActiveRole extends Role {
  readonly trusting: Policy;
  readonly allowing: readonly Policy[];
}

export interface NewRole {
  readonly name: string;
  /** Name of the user whose account it belongs to, or `root`. */
  readonly user: string;
  readonly trust: string;
  readonly policies: readonly string[];
}

/**
 * All roles of the gateway, looked up in memory. Changes are durable when they resolve and count from then on. Faults have
 * the subjects 'role', 'user' and 'policy' and a sentence as detail.
 */
export interface Roles {
  /** `undefined` also when the user of its account is gone. */
  find(name: string): ActiveRole | undefined;
  /** By name. */
  list(): readonly Role[];
  /** Fault('exists'), Fault('not-found', 'user'), Fault('invalid-argument', 'policy'), Fault('quota-exceeded'). */
  create(role: NewRole): Promise<Role>;
  /** Sessions of the role end. Fault('not-found'); Fault('not-permitted') for one that the config declares. */
  remove(name: string): Promise<void>;
}

export interface RolesOptions {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly accounts: Pick<Accounts, 'account' | 'accountNamed' | 'holder'>;
  /** Of the config; they have no row. */
  readonly declared: readonly NewRole[];
}

export async function openRoles(options: RolesOptions): Promise<Roles> {
  const book = new RoleBook(options);
  for await (const page of options.kv.scan(roleRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) book.adopt(nameOfRoleKey(key), decodeRole(value));
  }
  for (const role of options.declared) book.declare(role);
  return book;
}

export const roleArn = (accountId: string, name: string): string => `arn:aws:iam::${accountId}:role/${name}`;

class RoleBook implements Roles {
  readonly #parts: RolesOptions;
  readonly #roles = new Map<string, ActiveRole>();

  constructor(parts: RolesOptions) {
    this.#parts = parts;
  }

  find(name: string): ActiveRole | undefined {
    const role = this.#roles.get(name);
    return role && this.#parts.accounts.holder(role.account.id) && role;
  }

  list(): readonly Role[] {
    const byName = (one: Role, other: Role): number => (one.name < other.name ? -1 : 1);
    return [...this.#roles.values()].sort(byName);
  }

  async create(wish: NewRole): Promise<Role> {
    const { kv, environment } = this.#parts;
    const account = this.#accountOf(wish);
    checkPolicies(wish);
    if (this.#roles.size >= ROLES_MAX)
      throw new Fault('quota-exceeded', 'role', `There are ${ROLES_MAX} roles already: no more fit.`);
    const row = {
      id: makeKeyPair(environment.random, 'AROA').accessKey,
      accountId: account.id,
      trust: wish.trust,
      policies: wish.policies,
      createdAt: environment.clock.wall(),
    };
    await kv.transact('durable', async (tx) => {
      const isTaken = this.#roles.has(wish.name) || (await tx.get(roleKey(wish.name))) !== undefined;
      if (isTaken) throw new Fault('exists', 'role', `There is a role ${wish.name} already.`);
      tx.put(roleKey(wish.name), encodeRole(row));
      tx.whenCommitted(() => this.adopt(wish.name, row));
    });
    return activeRole(wish.name, account, row);
  }

  async remove(name: string): Promise<void> {
    const known = this.#roles.get(name);
    if (known !== undefined && known.createdAt === undefined)
      throw new Fault('not-permitted', 'role', `The role ${name} stands in the config: remove it there.`);
    await this.#parts.kv.transact('durable', async (tx) => {
      if ((await tx.get(roleKey(name))) === undefined)
        throw new Fault('not-found', 'role', `There is no role ${name}.`);
      tx.delete(roleKey(name));
      tx.whenCommitted(() => this.#roles.delete(name));
    });
  }

  adopt(name: string, row: RoleRow): void {
    this.#roles.set(name, activeRole(name, this.#parts.accounts.account(row.accountId), row));
  }

  /** Its id follows from account and name, so that its sessions outlive a restart. */
  declare(wish: NewRole): void {
    const account = this.#accountOf(wish);
    checkPolicies(wish);
    if (this.#roles.has(wish.name))
      throw new Fault(
        'exists',
        'role',
        `There is a role ${wish.name} in the store and in the config: name one differently.`,
      );
    const id = `AROA${hash('sha256', `terrace role ${account.id} ${wish.name}`, 'hex').slice(0, 16).toUpperCase()}`;
    this.#roles.set(wish.name, activeRole(wish.name, account, { ...wish, id, createdAt: undefined }));
  }

  #accountOf({ user }: NewRole): Account {
    const account = this.#parts.accounts.accountNamed(user);
    if (account === undefined) throw new Fault('not-found', 'user', `There is no user ${user}.`);
    return account;
  }
}

type Documents = Pick<Role, 'id' | 'trust' | 'policies' | 'createdAt'>;

const activeRole = (
  name: string,
  account: Account,
  { id, trust, policies, createdAt }: Documents,
): ActiveRole => ({
  name,
  id,
  account,
  arn: roleArn(account.id, name),
  trust,
  policies,
  createdAt,
  trusting: parsePolicy(trust, 'trust'),
  allowing: policies.map((policy) => parsePolicy(policy, 'identity')),
});

/** Bounds; what a document says is checked where it is parsed. */
function checkPolicies({ name, trust, policies }: NewRole): void {
  const chars = policies.reduce((sum, { length }) => sum + length, 0);
  const isTooLong =
    trust.length > ROLE_TRUST_CHARS_MAX ||
    chars > ROLE_POLICY_CHARS_MAX ||
    policies.length > ROLE_POLICIES_MAX;
  if (isTooLong)
    throw new Fault(
      'invalid-argument',
      'policy',
      `The policies of the role ${name} are too long: ${ROLE_TRUST_CHARS_MAX} characters of trust, ${ROLE_POLICIES_MAX} others with ${ROLE_POLICY_CHARS_MAX} together.`,
    );
  parsePolicy(trust, 'trust');
  for (const policy of policies) parsePolicy(policy, 'identity');
}
