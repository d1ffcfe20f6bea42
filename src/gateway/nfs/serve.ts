import { defaultLimits } from 'nfs-server-ts/limits';
import { LimitedLog } from 'nfs-server-ts/limited-log';
import { listen } from 'nfs-server-ts/tcp';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import type { Observer } from 'nfs-server-ts/dispatch';
import type { Address } from '../../config/address.ts';
import type { Environment } from '../../environment.ts';
import type { ExportRules } from '../../exports/export-rules.ts';
import type { Ino, ObjectStore } from '../../namespace/namespace.ts';
import type { FileTree } from '../../namespace/file-tree.ts';
import { opening, type Closable } from '../../scope.ts';
import { Door } from './door.ts';
import { Exports } from './exports.ts';
import { GroupBook, type GroupSource } from './groups.ts';
import { fileSystemIdOf, fsidOf, Handles } from './handle.ts';
import type { HostNames } from './host-names.ts';
import { lockPrograms, servePortmap, type LockParts } from './lock-programs.ts';
import { nfsMounts } from './mounts.ts';
import { nfsProgram } from './program.ts';

const VERIFIER_BYTES = 8;

export interface NfsParts extends LockParts {
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
  /** Frees the memory of whole buffers at once; absent: the collector does. */
  readonly freeArrays?: (arrays: readonly Uint8Array[]) => void;
  /** Hears of a file whose content somebody wants to read and must be brought back first. */
  readonly wanted: (ino: Ino) => void;
}

export interface NfsOptions {
  /** 16 bytes, kept with the data: file handles are good as long as it is the same. */
  readonly secret: Uint8Array;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** How long a change of groups may take to be seen. */
  readonly groupsFreshMs: number;
  /** Where a port mapper is served; `undefined`: nowhere. */
  readonly portmap: Address | undefined;
}

export interface NfsDoor extends Closable {
  readonly host: string;
  readonly port: number;
  /** The port mapper's. */
  readonly portmap: Address | undefined;
  connectionCount(): number;
}

/**
 * Opens the NFS door: NFSv3, MOUNTv3 and NLMv4 on one TCP port, and a port mapper where one is wanted. `close` answers what is in
 * flight. Rejects when an address cannot be had. Faults: UsageError when a rule names a client that is no network.
 */
export function serveNfs(parts: NfsParts, options: NfsOptions): Promise<NfsDoor> {
  const { files, environment, observe, tls, wanted, freeArrays } = parts;
  const { clock, log } = environment;
  // Names and groups of whoever calls: what cannot be looked up must not fill the log.
  const rare = new LimitedLog(log, clock, defaultLimits);
  const exports = new Exports({ ...parts, buckets: parts.objects, clock, log: rare });
  const groups =
    parts.groups && new GroupBook(parts.groups, { clock, log: rare, freshMs: options.groupsFreshMs });
  const handles = new Handles(options.secret);
  const writeVerifier = environment.random.bytes(VERIFIER_BYTES);
  const fsid = fsidOf(fileSystemIdOf(options.secret));
  const doorParts = { files, handles, exports, groups, fsid, writeVerifier, wanted };
  const backend = { nfs: nfsProgram(doorParts), mounts: nfsMounts({ files, handles, exports, log }) };
  const programs = lockPrograms(new Door(doorParts), parts, environment);
  return opening(async (scope) => {
    const { host, port } = options;
    const optional = { ...(tls !== undefined && { tls }), ...(freeArrays !== undefined && { freeArrays }) };
    const given = { host, port, clock, log, observe, programs, ...optional };
    const server = scope.own(await listen(backend, given));
    const nfs = { host: server.address.address, port: server.address.port };
    const portmap =
      options.portmap &&
      scope.own(await servePortmap(options.portmap, { environment, observe, nfs, programs }));
    return {
      ...nfs,
      portmap: portmap?.address,
      connectionCount: () => server.connectionCount(),
      close: () => scope.close(),
    };
  });
}
