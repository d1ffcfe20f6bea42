import { ManualClock } from 'nfs-server-ts/test/support/manual-clock';
import type { Clock, Environment } from '../../../src/environment.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { openLocks } from '../../../src/namespace/locks/lock-table.ts';
import type {
  LockClient,
  LockOwner,
  LockPeers,
  LockRequest,
  LockWish,
  Locks,
  TellOutcome,
} from '../../../src/namespace/locks/locks.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';
import { seededRandom } from '../../kv/seeded-random.ts';

/** What is behind a slash does not count. */
export const groupOf = (address: string): string => address.split('/', 1).join('');

export const GRACE_MS = 60_000;
export const file = 100 as Ino;

export interface LockWorld {
  readonly clock: ManualClock;
  readonly locks: Locks;
  /** Whom the table told of a grant, as `client:process`. */
  readonly told: string[];
  /** Whom it told of a restart, as `client state`, or the address of one that has another. */
  readonly notified: string[];
  /** What clients say to a grant, one after the other; then 'granted'. */
  readonly outcomes: TellOutcome[];
  /** Clients whose status monitor does not answer. */
  readonly deaf: Set<string>;
  /** Files that were removed. */
  readonly removed: Set<Ino>;
  /** What a power cut leaves, opened again. */
  readonly restart: (peers?: Partial<LockPeers>) => Promise<LockWorld>;
}

interface LockWorldOptions {
  readonly engine?: MemoryEngine;
  readonly clock?: ManualClock;
  /** In the place of clients that say what `outcomes` says. */
  readonly peers?: Partial<LockPeers>;
}

/** The locks of one gateway over a store in memory; time stands still. */
export async function openLockWorld({
  engine = new MemoryEngine(),
  clock = new ManualClock(),
  peers: given = {},
}: LockWorldOptions = {}): Promise<LockWorld> {
  const told: string[] = [];
  const notified: string[] = [];
  const outcomes: TellOutcome[] = [];
  const deaf = new Set<string>();
  const removed = new Set<Ino>();
  const peers: LockPeers = {
    tell: async ({ owner }) => {
      told.push(`${owner.client.name}:${owner.processId}`);
      return outcomes.shift() ?? 'granted';
    },
    notify: async (address, state) => {
      const name = address.replace('address of ', '');
      notified.push(`${name} ${state}`);
      return !deaf.has(name);
    },
    ...given,
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const environment: Environment = { clock: clock as unknown as Clock, random: seededRandom(1), log };
  const kv = openOptimistic(engine, { merge: () => undefined, stopped: () => undefined });
  const exists = async (ino: Ino): Promise<boolean> => !removed.has(ino);
  const locks = await openLocks({ kv, environment, peers, groupOf, graceMs: GRACE_MS, exists });
  const restart = async (others = given): Promise<LockWorld> => {
    await locks.close();
    return openLockWorld({ engine: engine.crash(seededRandom(2)), clock, peers: others });
  };
  return { clock, locks, told, notified, outcomes, deaf, removed, restart };
}

export const client = (name: string, address = `address of ${name}`): LockClient => ({ address, name });
export const owner = (name: string, processId = 1): LockOwner => ({
  client: client(name),
  processId,
  token: Uint8Array.of(processId),
});

/** The whole of `file` by process 1 of a client, exclusively and without waiting, but for what is given. */
export const wish = (name: string, given: Partial<LockWish> = {}): LockWish => ({
  ...{ ino: file, owner: owner(name), offset: 0, length: 0, isExclusive: true },
  ...{ wait: undefined, isReclaim: false, clientState: 0, isMonitored: true },
  ...given,
});
export const wait = { form: 'call', handle: Uint8Array.of(1) } as const;
export const patient = (name: string, given: Partial<LockWish> = {}): LockWish =>
  wish(name, { wait, ...given });
export const request = (name: string, given: Partial<LockRequest> = {}): LockRequest => {
  const { ino, owner: whose, offset, length, isExclusive } = wish(name, given);
  return { ino, owner: whose, offset, length, isExclusive };
};

/** Lets what was started run until it waits for time. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
