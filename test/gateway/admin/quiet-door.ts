import assert from 'node:assert/strict';
import { realClock } from '../../../src/environment-real.ts';
import { openAdmin, type AdminDoor } from '../../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { Metrics } from '../../../src/metrics.ts';
import { openMemoryIdentities } from '../../accounts/memory-accounts.ts';
import { memoryKeyring } from '../../keyring/test-keyring.ts';
import { silent } from '../../namespace/world.ts';
import { quietSources } from './quiet-sources.ts';

/** An admin address in front of quiet sources; a test gives those that it is about in their place. */
export const openQuietDoor = async (
  about: Partial<Parameters<typeof openAdmin>[0]> = {},
): Promise<AdminDoor> =>
  openAdmin({
    ...(await quietSources()),
    address: { host: '127.0.0.1', port: 0 },
    environment: { clock: realClock(), log: silent },
    metrics: new Metrics(),
    status: () => assert.fail(),
    ...(await openMemoryIdentities(new MemoryEngine(), { clock: realClock() })),
    keyring: await memoryKeyring(),
    ...about,
  });
