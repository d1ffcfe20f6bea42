import { listen, type NfsServer } from 'nfs-server-ts/tcp';
import type { Observer } from 'nfs-server-ts/dispatch';
import type { Environment } from '../../environment.ts';
import type { FileTree, ObjectStore } from '../../namespace/namespace.ts';
import type { Closable } from '../../scope.ts';
import { Exports, type ExportRule } from './exports.ts';
import { Handles, type HandleParts } from './handle.ts';
import { nfsMounts } from './mounts.ts';
import { nfsProgram } from './program.ts';

const VERIFIER_BYTES = 8;

export interface NfsParts {
  readonly files: FileTree;
  readonly objects: Pick<ObjectStore, 'buckets'>;
  readonly environment: Environment;
  /** Told of every answered call. */
  readonly observe: Observer;
}

export interface NfsOptions extends HandleParts {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly rules: readonly ExportRule[];
}

export interface NfsDoor extends Closable {
  readonly host: string;
  readonly port: number;
  connectionCount(): number;
}

/**
 * Opens the NFS door: NFSv3 and MOUNTv3 on one TCP port. `close` answers what is in flight. Rejects when the address cannot be had.
 * Faults: 'invalid-argument' when a rule names a client that is no address.
 */
export async function serveNfs(parts: NfsParts, options: NfsOptions): Promise<NfsDoor> {
  const { files, objects, environment, observe } = parts;
  const exports = new Exports(options.rules, objects);
  const handles = new Handles(options);
  const writeVerifier = environment.random.bytes(VERIFIER_BYTES);
  const fsid = fsidOf(options.fileSystemId);
  const backend = {
    nfs: nfsProgram({ files, handles, exports, fsid, writeVerifier }),
    mounts: nfsMounts({ files, handles, exports }),
  };
  const { host, port } = options;
  const { clock, log } = environment;
  return doorOf(await listen(backend, { host, port, clock, log, observe }));
}

const doorOf = (server: NfsServer): NfsDoor => ({
  host: server.address.address,
  port: server.address.port,
  connectionCount: () => server.connectionCount(),
  close: () => server.close(),
});

/** The first 53 bits: fsid is a number here. */
function fsidOf(fileSystemId: Uint8Array): number {
  const view = new DataView(fileSystemId.buffer, fileSystemId.byteOffset, fileSystemId.byteLength);
  return (view.getUint32(0) >>> 11) * 2 ** 32 + view.getUint32(4);
}
