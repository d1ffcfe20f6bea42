import type { Nlm4Lock, Nlm4Locks, Nlm4Shareargs, Nlm4Stats, Nlm4Testrply } from 'nfs-server-ts/nlm4';
import type { CallContext } from 'nfs-server-ts/rpc';
import type { StatusMonitor } from 'nfs-server-ts/nsm';
import { plainAddress } from 'nfs-server-ts/peer-address';
import { access3 } from 'nfs-server-ts/nfs3';
import { Fault, type FaultCode } from '../../fault.ts';
import type { Ino } from '../../namespace/namespace.ts';
import type {
  LockAnswer,
  LockClient,
  LockLine,
  LockOwner,
  LockRange,
  Locks,
  ShareBits,
} from '../../namespace/locks/locks.ts';
import type { Door } from './door.ts';
import { Refused } from './errors.ts';

const stats = {
  granted: 'NLM4_GRANTED',
  denied: 'NLM4_DENIED',
  full: 'NLM4_DENIED_NOLOCKS',
  blocked: 'NLM4_BLOCKED',
  grace: 'NLM4_DENIED_GRACE_PERIOD',
} as const satisfies Record<LockAnswer, Nlm4Stats>;

/** Whoever may read or write a file may lock it; its owner also. */
const ANY_ACCESS = access3.ACCESS3_READ | access3.ACCESS3_MODIFY | access3.ACCESS3_EXTEND;

const readOnly: ShareBits = { read: true, write: false };
const writeOnly: ShareBits = { read: false, write: true };
const neither: ShareBits = { read: false, write: false };
const both: ShareBits = { read: true, write: true };
const denyBits = { fsm_DN: neither, fsm_DR: readOnly, fsm_DW: writeOnly, fsm_DRW: both };
const accessBits = { fsa_NONE: neither, fsa_R: readOnly, fsa_W: writeOnly, fsa_RW: both };

/** Names travel as bytes and are kept as text, one character a byte. */
const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const bytesOfName = (name: string): Uint8Array => Buffer.from(name, 'latin1');

const clientOf = (call: CallContext, name: Uint8Array): LockClient => ({
  address: plainAddress(call.client),
  name: nameOf(name),
});

type Lockable = Pick<Nlm4Lock, 'caller_name' | 'oh'>;
const ownerOf = (call: CallContext, { caller_name, oh }: Lockable, processId: number): LockOwner => ({
  client: clientOf(call, caller_name),
  processId,
  token: Uint8Array.from(oh),
});

/** NLMv4 over the locks of the gateway: translation, export rules, and who may lock what. */
export function nfsLocks(door: Door, locks: Locks): Nlm4Locks {
  const enter = async (call: CallContext, fh: Uint8Array): Promise<Ino> =>
    (await door.enterToLock(call, fh)).ino;
  const rangeOf = async (call: CallContext, alock: Nlm4Lock): Promise<LockRange & { owner: LockOwner }> => ({
    ino: await enter(call, alock.fh),
    owner: ownerOf(call, alock, alock.svid),
    offset: offsetOf(alock),
    length: alock.l_len,
  });
  const take: Nlm4Locks['lock'] = (call, args, form) =>
    answered(async () => {
      const { alock, exclusive: isExclusive, block, reclaim: isReclaim, state: clientState } = args;
      await requireLockable(door, call, { fh: alock.fh, isChange: isExclusive });
      const handle = Uint8Array.from(alock.fh);
      const wait = block ? ({ form: form === 'GRANTED' ? 'call' : 'message', handle } as const) : undefined;
      const wish = { ...(await rangeOf(call, alock)), isExclusive, isReclaim, clientState, wait };
      return locks.lock({ ...wish, isMonitored: true });
    });
  return {
    test: async (call, { alock, exclusive: isExclusive }) => {
      let holder: LockLine | undefined;
      const stat = await answered(async () => {
        await requireLockable(door, call, { fh: alock.fh, isChange: isExclusive });
        const found = await locks.test({ ...(await rangeOf(call, alock)), isExclusive });
        if (found === 'free') return 'granted';
        if (found === 'grace') return 'grace';
        holder = found;
        return 'denied';
      });
      return replyOf(stat, holder);
    },
    lock: take,
    lockUnmonitored: (call, { alock, exclusive: isExclusive, reclaim: isReclaim }) =>
      answered(async () => {
        await requireLockable(door, call, { fh: alock.fh, isChange: isExclusive });
        const wish = { ...(await rangeOf(call, alock)), isExclusive, isReclaim, wait: undefined };
        return locks.lock({ ...wish, clientState: 0, isMonitored: false });
      }),
    cancel: (call, { alock, exclusive: isExclusive }) =>
      answered(async () => locks.cancel({ ...(await rangeOf(call, alock)), isExclusive })),
    // Also of files that are gone: their locks are still to be given back.
    unlock: (call, { alock }) => answered(async () => locks.unlock(await rangeOf(call, alock))),
    share: (call, args) => answered(() => share(door, locks, { call, args })),
    unshare: (call, { share: { fh, ...given } }) =>
      answered(async () =>
        locks.unshare({ ino: await enter(call, fh), owner: ownerOf(call, given, SHARE_PROCESS) }),
      ),
    freeAll: async (call, { name }) => {
      if (await door.mayRelease(call)) await locks.release(clientOf(call, name));
    },
  };
}

/** A share names no process. */
const SHARE_PROCESS = 0;

async function share(
  door: Door,
  locks: Locks,
  { call, args }: { call: CallContext; args: Nlm4Shareargs },
): Promise<LockAnswer> {
  const { fh, mode, access, ...given } = args.share;
  const wanted = accessBits[access];
  await requireLockable(door, call, { fh, isChange: wanted.write });
  const { ino } = await door.enterToLock(call, fh);
  const owner = ownerOf(call, given, SHARE_PROCESS);
  return locks.share({ ino, owner, access: wanted, denies: denyBits[mode], isReclaim: args.reclaim });
}

/** What Terrace is told by status monitors of clients. */
export const nfsStatusMonitor = (door: Door, locks: Locks): StatusMonitor => ({
  state: () => locks.state(),
  notified: async (call, { mon_name, state }) => {
    if (await door.mayRelease(call)) await locks.clientRestarted(clientOf(call, mon_name), state);
  },
});

/**
 * Faults: 'read-only' where an export that cannot be written is to be locked for writing, 'access-denied', 'invalid-argument' when
 * it is no file. An object that is locked in the sense of S3 may be locked here: nothing of it changes.
 */
async function requireLockable(
  door: Door,
  call: CallContext,
  { fh, isChange }: { fh: Uint8Array; isChange: boolean },
): Promise<void> {
  const { ino, caller, isReadOnly } = await door.enterToLock(call, fh);
  if (isChange && isReadOnly) throw new Fault('read-only', 'request', `exported read-only to ${call.client}`);
  const { granted, attributes } = await door.files.access(caller, ino, ANY_ACCESS);
  if (attributes.kind !== 'file') throw new Fault('invalid-argument', 'inode', `locks a ${attributes.kind}`);
  if (granted === 0 && attributes.uid !== caller.uid)
    throw new Fault('access-denied', 'inode', 'may neither read nor write the file');
}

/** Numbers beyond 2^53-1 arrive as that: no file of ours reaches so far. */
function offsetOf({ l_offset }: Nlm4Lock): number {
  if (l_offset === Number.MAX_SAFE_INTEGER) throw new Fault('too-large', 'request', 'offset of a lock');
  return l_offset;
}

async function answered(ask: () => Promise<LockAnswer>): Promise<Nlm4Stats> {
  try {
    return stats[await ask()];
  } catch (failure) {
    if (failure instanceof Refused) return 'NLM4_STALE_FH';
    if (failure instanceof Fault) return statByFault[failure.code] ?? 'NLM4_FAILED';
    throw failure;
  }
}

/** What is not here is FAILED. What passes is told as a grace period: that makes clients ask again. */
const statByFault: Partial<Readonly<Record<FaultCode, Nlm4Stats>>> = {
  'stale-handle': 'NLM4_STALE_FH',
  'not-found': 'NLM4_STALE_FH',
  'read-only': 'NLM4_ROFS',
  'too-large': 'NLM4_FBIG',
  conflict: 'NLM4_DENIED_GRACE_PERIOD',
  throttled: 'NLM4_DENIED_GRACE_PERIOD',
  unavailable: 'NLM4_DENIED_GRACE_PERIOD',
};

function replyOf(stat: Nlm4Stats, holder: LockLine | undefined): Nlm4Testrply {
  if (stat !== 'NLM4_DENIED') return { stat };
  if (holder === undefined) return { stat: 'NLM4_FAILED' };
  const { owner, offset: l_offset, length: l_len, isExclusive: exclusive } = holder;
  return { stat, holder: { exclusive, svid: owner.processId, oh: owner.token, l_offset, l_len } };
}
