import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import type { Keyring } from '../../src/keyring/keyring.ts';
import { openKeyring, type KeyringOptions } from '../../src/keyring/open-keyring.ts';
import { SECRETS_KEY_BYTES } from '../../src/limits.ts';
import { mergeNamespace } from '../../src/namespace/merge.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { realClock } from '../../src/environment-real.ts';
import { seededRandom } from '../kv/seeded-random.ts';

/** The key ring of a store, with the same key of the gateway each time. */
export const openTestKeyring = (
  given: Pick<KeyringOptions, 'kv' | 'environment' | 'cipher'>,
  expectsDataKeys = false,
): Promise<Keyring> =>
  openKeyring({
    ...given,
    secretsKey: Buffer.alloc(SECRETS_KEY_BYTES, 7),
    region: 'us-east-1',
    account: '000000000000',
    expectsDataKeys,
  });

/** One with a store of its own. */
export function memoryKeyring(): Promise<Keyring> {
  const stopped = (cause: unknown): never => {
    throw cause;
  };
  const kv = openOptimistic(new MemoryEngine(), { merge: mergeNamespace, stopped });
  const environment = { clock: realClock(), random: seededRandom(1) };
  return openTestKeyring({ kv, environment, cipher: referenceCipher() });
}
