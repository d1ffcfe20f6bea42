import type { Accounts } from '../../src/accounts/accounts.ts';
import { openAccounts, type AccountsOptions } from '../../src/accounts/open-accounts.ts';
import type { KvEngine } from '../../src/kv/engine.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openRoles, type NewRole, type Roles } from '../../src/accounts/roles.ts';
import { Sessions } from '../../src/accounts/sessions.ts';
import type { Clock } from '../../src/environment.ts';
import { SECRETS_KEY_BYTES } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent, TestClock } from '../namespace/world.ts';

export const root = { accessKey: 'ROOT-KEY', secretKey: 'the secret of root', uid: 0, gid: 0 };

export interface MemoryAccounts extends Partial<Omit<AccountsOptions, 'kv' | 'environment'>> {
  readonly seed?: number;
}

export interface MemoryIdentities {
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
}

export interface MemoryIdentitiesOptions extends MemoryAccounts {
  readonly clock?: Clock;
  readonly declaredRoles?: readonly NewRole[];
}

/** Accounts, roles and sessions over one engine in memory. */
export async function openMemoryIdentities(
  engine: KvEngine,
  { clock = new TestClock(), declaredRoles = [], ...options }: MemoryIdentitiesOptions = {},
): Promise<MemoryIdentities> {
  const accounts = await openMemoryAccounts(engine, options);
  const environment = { clock, random: seededRandom((options.seed ?? 1) + 1), log: silent };
  const roles = await openRoles({ kv: memoryKv(engine), environment, accounts, declared: declaredRoles });
  const secretsKey = options.secretsKey ?? new Uint8Array(SECRETS_KEY_BYTES).fill(7);
  return { accounts, roles, sessions: new Sessions({ environment, accounts, roles, secretsKey }) };
}

/** Accounts over an engine in memory; what survives is in the engine. */
export async function openMemoryAccounts(engine: KvEngine, options: MemoryAccounts = {}): Promise<Accounts> {
  const { seed = 1, ...rest } = options;
  return openAccounts({
    kv: memoryKv(engine),
    environment: { clock: new TestClock(), random: seededRandom(seed), log: silent },
    root,
    declared: [],
    secretsKey: new Uint8Array(SECRETS_KEY_BYTES).fill(7),
    ...rest,
  });
}

const memoryKv = (engine: KvEngine): Kv =>
  openOptimistic(engine, {
    merge: () => {
      throw new Error('accounts merge nothing');
    },
    stopped: (cause) => {
      throw cause;
    },
  });
