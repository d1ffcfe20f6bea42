import assert from 'node:assert/strict';
import { allOrNone } from './all-or-none.ts';
import type { BlobCopies } from './copies.ts';
import { demote } from './demote.ts';
import type { HotDraft } from './hot/hot-blobs.ts';
import {
  liveCopies,
  readAll,
  shiftsTo,
  summed,
  type MovedBatch,
  type MoveParts,
  type Moving,
} from './moving.ts';

/**
 * Makes `to` the warmest tier of each of the blobs: copies what is not there, and then in one commit lets the copies count and
 * gives up warmer ones. Before that commit nothing has changed but for what nobody names. Blobs that have ended, or lost
 * their last reference, are passed over. Faults of the tiers; 'conflict' when it should be tried again.
 */
export function moveBatch(parts: MoveParts, moving: Moving): Promise<MovedBatch> {
  return moving.to === 'hot' ? promote(parts, moving) : demote(parts, moving, moving.to);
}

async function promote(parts: MoveParts, moving: Moving): Promise<MovedBatch> {
  const { copies, labels, cleaned } = parts;
  const missing = moving.blobs.filter(({ hot }) => hot === undefined);
  await moving.note('copying');
  const { read, failure } = await readAll(copies, missing);
  const making = read.map(({ id, bytes }) => copies.hot.draft(id, bytes));
  const drafts = await allOrNone(making, (draft) => copies.hot.discardDraft(draft));
  await moving.note('copied');
  // A draft resolves after it was read back.
  await moving.note('verified');
  const attached = new Set<HotDraft>();
  try {
    return await copies.kv.transact('durable', async (tx) => {
      attached.clear();
      const moved: BlobCopies[] = [];
      for (const blob of await liveCopies(copies, tx, moving.blobs)) {
        const draft = drafts.find(({ id }) => id === blob.id);
        if (blob.hot !== undefined || draft === undefined) continue;
        assert(draft.length === blob.length, `the copy of blob ${blob.id} has another length`);
        copies.hot.attachDraft(tx, draft, undefined);
        attached.add(draft);
        tx.whenCommitted(() => cleaned(blob.id, draft.bytesTaken));
        moved.push(blob);
      }
      await labels.shifted(tx, shiftsTo('hot', moved));
      const switched = summed(moved);
      moving.switched(tx, switched);
      return { ...switched, ...(failure !== undefined && { failure }) };
    });
  } catch (cause) {
    attached.clear();
    throw cause;
  } finally {
    for (const draft of drafts) if (!attached.has(draft)) copies.hot.discardDraft(draft);
  }
}
