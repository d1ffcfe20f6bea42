import type { Static } from '@sinclair/typebox';
import type { LockListing } from '../../namespace/locks/locks.ts';
import { lockListSchema, releasedSchema, releaseWish, type LockListAnswer } from './locks.ts';
import { json, type AdminRow } from './row.ts';

const answerOf = ({ state, graceSecondsLeft, clients, locks, isTruncated }: LockListing): LockListAnswer => ({
  state,
  graceSecondsLeft,
  clients: clients.map(({ isMonitored: monitored, ...client }) => ({ ...client, monitored })),
  locks: locks.map(({ ino, owner, offset, length, isExclusive: exclusive, state: lockState }) => ({
    ...{ ino, offset, length, exclusive },
    address: owner.client.address,
    client: owner.client.name,
    process: owner.processId,
    state: lockState,
  })),
  truncated: isTruncated,
});

const listLocks: AdminRow = {
  name: 'ListLocks',
  method: 'GET',
  path: '/v1/locks',
  access: 'granted',
  response: { 200: lockListSchema },
  handle: async ({ locks }) => json(200, answerOf(locks.list())),
};

const releaseLocks: AdminRow = {
  name: 'ReleaseLocks',
  method: 'POST',
  path: '/v1/locks/release',
  access: 'granted',
  body: releaseWish,
  response: { 200: releasedSchema },
  handle: async ({ locks }, { body }) => {
    const { address, name } = body as Static<typeof releaseWish>;
    return json(200, { released: await locks.release({ address, name }) });
  },
};

/** Locks over NFS. Who releases the locks of a client that still lives lets two programs write one file at a time. */
export const lockRows: readonly AdminRow[] = [listLocks, releaseLocks];
