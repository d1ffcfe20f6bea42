import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Environment } from '../../../src/environment.ts';
import { openLockPeers } from '../../../src/gateway/nfs/lock-peers.ts';
import type { LockParts } from '../../../src/gateway/nfs/lock-programs.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { ifStale } from '../../../src/namespace/attributes.ts';
import { mergeDirectory } from '../../../src/namespace/directory-row.ts';
import { openLocks } from '../../../src/namespace/locks/lock-table.ts';
import type { Namespace } from '../../../src/namespace/namespace.ts';

export interface LockWorldOptions {
  /** What outlives a restart. */
  readonly engine?: MemoryEngine;
  /** Where port mappers of clients listen. */
  readonly portmapPort?: number;
  readonly graceMs?: number;
}

/** Locks over a store in memory, with clients on the loopback. */
export async function openLockWorld(
  environment: Environment,
  { files }: Pick<Namespace, 'files'>,
  { engine = new MemoryEngine(), portmapPort, graceMs = 60_000 }: LockWorldOptions = {},
): Promise<LockParts> {
  const kv = openOptimistic(engine, { merge: mergeDirectory, stopped: () => undefined });
  const { peers, callbacks } = openLockPeers(environment, {
    serverName: 'server',
    localAddress: '127.0.0.1',
    ...(portmapPort !== undefined && { portmapPort }),
  });
  const exists = async (ino: Parameters<typeof files.attributes>[0]): Promise<boolean> =>
    (await files.attributes(ino).catch(ifStale)) !== undefined;
  return {
    locks: await openLocks({ kv, environment, peers, groupOf: peerGroup, graceMs, exists }),
    callbacks,
  };
}
