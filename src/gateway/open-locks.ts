import { hostname } from 'node:os';
import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import type { Kv } from '../kv/kv.ts';
import type { FileTree } from '../namespace/file-tree.ts';
import { openLocks } from '../namespace/locks/lock-table.ts';
import { ifStale } from '../namespace/attributes.ts';
import type { Scope } from '../scope.ts';
import { openLockPeers } from './nfs/lock-peers.ts';
import type { LockParts } from './nfs/lock-programs.ts';

const wildcards = ['0.0.0.0', '::'];

/** Opens the locks, and the way to the machines that have some. */
export async function openGatewayLocks(
  scope: Scope,
  { nfs }: Pick<Config, 'nfs'>,
  { kv, files, environment }: { kv: Kv; files: Pick<FileTree, 'attributes'>; environment: Environment },
): Promise<LockParts> {
  const { peers, callbacks } = openLockPeers(environment, {
    serverName: nfs.serverName ?? hostname(),
    localAddress: wildcards.includes(nfs.address.host) ? undefined : nfs.address.host,
  });
  const locks = await openLocks({
    ...{ kv, environment, peers, groupOf: peerGroup },
    graceMs: nfs.gracePeriodSeconds * 1000,
    exists: async (ino) => (await files.attributes(ino).catch(ifStale)) !== undefined,
  });
  return { locks: scope.own(locks), callbacks };
}
