import type { Observer, RpcProgram } from 'nfs-server-ts/dispatch';
import { NFS_PROGRAM, NFS_V3 } from 'nfs-server-ts/nfs3';
import { MOUNT_PROGRAM, MOUNT_V3 } from 'nfs-server-ts/mount3';
import { nlm4Program } from 'nfs-server-ts/nlm4-program';
import type { LockCallbacks } from 'nfs-server-ts/nlm4-callbacks';
import { nsmProgram } from 'nfs-server-ts/nsm';
import { PMAP_PROGRAM, portmapPrograms, type Registration } from 'nfs-server-ts/portmap';
import { listenPrograms } from 'nfs-server-ts/tcp';
import { listenUdp, type UdpServer } from 'nfs-server-ts/udp';
import type { Address } from '../../config/address.ts';
import type { Environment } from '../../environment.ts';
import { LOCK_MESSAGES_MAX, LOCK_MESSAGES_PER_ADDRESS_MAX } from '../../limits/nfs.ts';
import type { Locks } from '../../namespace/locks/locks.ts';
import { opening, type Closable } from '../../scope.ts';
import type { Door } from './door.ts';
import { nfsLocks, nfsStatusMonitor } from './lock-rows.ts';

export interface LockParts {
  readonly locks: Locks;
  readonly callbacks: LockCallbacks;
}

/** The lock manager and the status monitor, to be served beside NFS. */
export const lockPrograms = (
  door: Door,
  { locks, callbacks }: LockParts,
  { log }: Pick<Environment, 'log'>,
): readonly RpcProgram[] => [
  nlm4Program({
    ...{ locks: nfsLocks(door, locks), callbacks, log },
    messagesMax: LOCK_MESSAGES_MAX,
    messagesPerAddressMax: LOCK_MESSAGES_PER_ADDRESS_MAX,
  }),
  nsmProgram(nfsStatusMonitor(door, locks)),
];

export interface PortmapParts {
  readonly environment: Environment;
  readonly observe: Observer;
  /** Where NFS, MOUNT and the lock programs are served over TCP. */
  readonly nfs: Address;
  /** Served over UDP as well, on the address of NFS: status monitors of clients use nothing else. */
  readonly programs: readonly RpcProgram[];
}

/** A port mapper, and the programs that it finds over UDP. */
export interface PortmapDoor extends Closable {
  readonly address: Address;
}

/** Serves the port mapper on `address`, TCP and UDP. Rejects when an address cannot be had. */
export function servePortmap(address: Address, parts: PortmapParts): Promise<PortmapDoor> {
  const { nfs, programs, observe } = parts;
  const { clock, log } = parts.environment;
  return opening(async (scope) => {
    const udp = scope.own(await listenUdp({ ...nfs, programs, clock, log, observe }));
    const registrations = registrationsOf(parts, udp, address.port);
    const portmap = portmapPrograms(registrations, clock);
    const tcp = scope.own(await listenPrograms({ ...address, programs: portmap, clock, log, observe }));
    const { address: host, port } = tcp.address;
    scope.own(await listenUdp({ host: address.host, port, programs: portmap, clock, log, observe }));
    return { address: { host, port }, close: () => scope.close() };
  });
}

function registrationsOf(
  { nfs, programs }: PortmapParts,
  udp: UdpServer,
  portmapPort: number,
): readonly Registration[] {
  const beside = programs.map(({ number: program, version }) => ({ program, version }));
  const overTcp = [
    { program: NFS_PROGRAM, version: NFS_V3 },
    { program: MOUNT_PROGRAM, version: MOUNT_V3 },
    ...beside,
  ];
  const itself = [2, 3, 4].flatMap((version) =>
    (['tcp', 'udp'] as const).map((transport) => {
      return { program: PMAP_PROGRAM, version, transport, host: nfs.host, port: portmapPort };
    }),
  );
  return [
    ...itself,
    ...overTcp.map((it) => ({ ...it, transport: 'tcp' as const, ...nfs })),
    ...beside.map((it) => ({ ...it, transport: 'udp' as const, host: nfs.host, port: udp.address.port })),
  ];
}
