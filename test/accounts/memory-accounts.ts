import type { Accounts } from '../../src/accounts/accounts.ts';
import { openAccounts, type AccountsOptions } from '../../src/accounts/open-accounts.ts';
import type { KvEngine } from '../../src/kv/engine.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { SECRETS_KEY_BYTES } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent, TestClock } from '../namespace/world.ts';

export const root = { accessKey: 'ROOT-KEY', secretKey: 'the secret of root', uid: 0, gid: 0 };

export interface MemoryAccounts extends Partial<Omit<AccountsOptions, 'kv' | 'environment'>> {
  readonly seed?: number;
}

/** Accounts over an engine in memory; what survives is in the engine. */
export async function openMemoryAccounts(engine: KvEngine, options: MemoryAccounts = {}): Promise<Accounts> {
  const { seed = 1, ...rest } = options;
  const kv = openOptimistic(engine, {
    merge: () => {
      throw new Error('accounts merge nothing');
    },
    stopped: (cause) => {
      throw cause;
    },
  });
  return openAccounts({
    kv,
    environment: { clock: new TestClock(), random: seededRandom(seed), log: silent },
    root,
    declared: [],
    secretsKey: new Uint8Array(SECRETS_KEY_BYTES).fill(7),
    ...rest,
  });
}
