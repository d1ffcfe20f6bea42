import type { Locks } from '../../../src/namespace/locks/locks.ts';

/** Nobody locks. */
export const noLocks: Pick<Locks, 'list' | 'release'> = {
  list: () => ({ state: 1, graceSecondsLeft: 0, clients: [], locks: [], isTruncated: false }),
  release: () => Promise.resolve(0),
};
