import { listen, type NfsServer } from 'nfs-server-ts/tcp';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import type { Observer } from 'nfs-server-ts/dispatch';
import type { Environment } from '../../environment.ts';
import type { ExportRules } from '../../exports/export-rules.ts';
import type { ObjectStore } from '../../namespace/namespace.ts';
import type { FileTree } from '../../namespace/file-tree.ts';
import type { Closable } from '../../scope.ts';
import { Exports } from './exports.ts';
import { GroupBook, type GroupSource } from './groups.ts';
import { fileSystemIdOf, fsidOf, Handles } from './handle.ts';
import type { HostNames } from './host-names.ts';
import { nfsMounts } from './mounts.ts';
import { nfsProgram } from './program.ts';

const VERIFIER_BYTES = 8;

export interface NfsParts {
  readonly files: FileTree;
  readonly objects: Pick<ObjectStore, 'buckets'>;
  readonly environment: Environment;
  readonly rules: Pick<ExportRules, 'list'>;
  readonly names: HostNames;
  /** `undefined`: the groups that calls name are believed. */
  readonly groups: GroupSource | undefined;
  /** `undefined`: calls come in clear text only. */
  readonly tls: TlsOptions | undefined;
  /** Told of every answered call. */
  readonly observe: Observer;
}

export interface NfsOptions {
  /** 16 bytes, kept with the data: file handles are good as long as it is the same. */
  readonly secret: Uint8Array;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** How long a change of groups may take to be seen. */
  readonly groupsFreshMs: number;
}

export interface NfsDoor extends Closable {
  readonly host: string;
  readonly port: number;
  connectionCount(): number;
}

/**
 * Opens the NFS door: NFSv3 and MOUNTv3 on one TCP port. `close` answers what is in flight. Rejects when the address cannot be had.
 * Faults: UsageError when a rule names a client that is no network.
 */
export async function serveNfs(parts: NfsParts, options: NfsOptions): Promise<NfsDoor> {
  const { files, environment, observe, tls } = parts;
  const { clock, log } = environment;
  const exports = new Exports({ ...parts, buckets: parts.objects, clock });
  const groups = parts.groups && new GroupBook(parts.groups, { clock, freshMs: options.groupsFreshMs });
  const handles = new Handles(options.secret);
  const writeVerifier = environment.random.bytes(VERIFIER_BYTES);
  const fsid = fsidOf(fileSystemIdOf(options.secret));
  const backend = {
    nfs: nfsProgram({ files, handles, exports, groups, fsid, writeVerifier }),
    mounts: nfsMounts({ files, handles, exports, log }),
  };
  const { host, port } = options;
  return doorOf(
    await listen(backend, { host, port, clock, log, observe, ...(tls !== undefined && { tls }) }),
  );
}

const doorOf = (server: NfsServer): NfsDoor => ({
  host: server.address.address,
  port: server.address.port,
  connectionCount: () => server.connectionCount(),
  close: () => server.close(),
});
