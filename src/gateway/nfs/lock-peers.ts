import { ClientPrograms } from 'nfs-server-ts/client-programs';
import { LimitedLog } from 'nfs-server-ts/limited-log';
import { defaultLimits } from 'nfs-server-ts/limits';
import { lockCallbacks, type LockCallbacks } from 'nfs-server-ts/nlm4-callbacks';
import { outgoingCalls } from 'nfs-server-ts/rpc-call';
import type { Environment } from '../../environment.ts';
import { LOCK_CALL_MS_MAX, LOCK_CALLS_MAX } from '../../limits/nfs.ts';
import type { LockPeers } from '../../namespace/locks/locks.ts';
import { Gate } from './gate.ts';
import { bytesOfName } from './lock-rows.ts';

export interface LockPeersOptions {
  /** What this server calls itself to the status monitors of its clients: by it they find what they hold here. */
  readonly serverName: string;
  /** The address that calls come from; `undefined`: the system chooses. Clients compare it with the one that they mounted. */
  readonly localAddress: string | undefined;
  /** Of port mappers of clients; 111 but in tests. */
  readonly portmapPort?: number;
}

/** The machines that lock, as the locks and the lock protocol call them. */
export interface LockNetwork {
  readonly peers: LockPeers;
  readonly callbacks: LockCallbacks;
}

/** Calls clients over the network; so many at a time, others wait. */
export function openLockPeers(
  { clock, log: everything }: Environment,
  options: LockPeersOptions,
): LockNetwork {
  const { serverName, localAddress, portmapPort } = options;
  // Clients that are gone must not fill the log.
  const log = new LimitedLog(everything, clock, defaultLimits);
  const call = outgoingCalls({
    clock,
    machine: serverName,
    timeoutMs: LOCK_CALL_MS_MAX,
    ...(localAddress !== undefined && { localAddress }),
  });
  const programs = new ClientPrograms({ call, clock, ...(portmapPort !== undefined && { portmapPort }) });
  const callbacks = lockCallbacks({ programs, clock, log, answerMsMax: LOCK_CALL_MS_MAX });
  const gate = new Gate(LOCK_CALLS_MAX);
  const peers: LockPeers = {
    tell: ({ owner, offset, length, isExclusive }, { form, handle }) => {
      const { client, processId: svid, token: oh } = owner;
      const alock = {
        ...{ caller_name: bytesOfName(client.name), fh: handle, oh, svid },
        ...{ l_offset: offset, l_len: length },
      };
      const grant = {
        client: client.address,
        form: form === 'call' ? 'GRANTED' : 'GRANTED_MSG',
        exclusive: isExclusive,
        alock,
      } as const;
      return gate.pass(() => callbacks.grant(grant), client.address);
    },
    // Whoever asks bounds how many are under way; those that are gone must not hold up grants.
    notify: (address, state) => callbacks.notify(address, { mon_name: Buffer.from(serverName), state }),
  };
  return { peers, callbacks };
}
