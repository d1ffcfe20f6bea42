import {
  COMPLETED_UPLOAD_SECONDS,
  DIRTY_MS_MAX,
  EXTENTS_PER_COMMIT_MAX,
  PAGE_ENTRIES_MAX,
} from '../limits.ts';
import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import {
  contentIdOfKey,
  draftKey,
  draftRange,
  endOfExtentKey,
  extentRange,
  finishedRange,
  orphanKey,
  orphanRange,
  rememberedKey,
  rememberedRange,
  uploadOfFinishedKey,
} from './keys.ts';
import { mergeShortExtents } from './merge-extents.ts';
import { markMoved } from './moved-keys.ts';
import type { Parts } from './parts.ts';
import { decodeExtent } from './records.ts';
import { decodeFinished } from './upload-records.ts';
import { encodeOrphan } from './unlink.ts';
import { dropSomeParts } from './uploads.ts';
import { writeOut } from './write-out.ts';

/** One bounded unit of background work; true when there was some. */
export async function step(parts: Parts): Promise<boolean> {
  let isBusy = await writeOutOverdue(parts);
  for (const work of [mergeShortExtents, collectOrphan, collectUploads, forgetUploads, markMoved])
    isBusy = (await work(parts)) || isBusy;
  isBusy = (await parts.quotas.step()) || isBusy;
  return (await parts.blobs.collect()) || isBusy;
}

/** Dirty data that nobody commits becomes durable by itself. */
async function writeOutOverdue(parts: Parts): Promise<boolean> {
  const now = parts.environment.clock.monotonic();
  const overdue = [...parts.files.all()].filter((file) => now - file.dirtySince >= DIRTY_MS_MAX);
  let isBusy = false;
  for (const file of overdue) {
    try {
      await writeOut(parts, file.ino);
      isBusy = true;
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      // Kept as dirty and told to the client at its COMMIT; a later step tries again.
      parts.environment.log.warn('write-out failed', { ino: file.ino, code: fault.code });
    }
  }
  return isBusy;
}

/** Contents in rows that no inode has any more: their extents go in batches. */
async function collectOrphan(parts: Parts): Promise<boolean> {
  for await (const page of parts.kv.scan(orphanRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key } of page) {
      const contentId = contentIdOfKey(key);
      if (parts.contentPins.has(contentId)) continue;
      await parts.kv.transact('buffered', (tx) => dropExtents(parts, tx, contentId));
      return true;
    }
  }
  return false;
}

async function dropExtents({ blobs }: Parts, tx: KvTransaction, contentId: number): Promise<void> {
  for await (const page of tx.scan(extentRange(contentId, 0), { pageEntries: EXTENTS_PER_COMMIT_MAX })) {
    for (const { key, value } of page) {
      await blobs.release(tx, decodeExtent(endOfExtentKey(key), value).blob);
      tx.delete(key);
    }
    return;
  }
  tx.delete(orphanKey(contentId));
}

/** Gives up the parts of finished uploads. A completed one is remembered for a second Complete. */
async function collectUploads(parts: Parts): Promise<boolean> {
  for await (const page of parts.kv.scan(finishedRange(), { pageEntries: 1 })) {
    for (const { key, value } of page) {
      const sequence = uploadOfFinishedKey(key);
      if (await dropSomeParts(parts, sequence)) return true;
      await parts.kv.transact('buffered', async (tx) => {
        tx.delete(key);
        const isCompleted = (await tx.get(decodeFinished(value).uploadKey)) !== undefined;
        if (isCompleted) tx.put(rememberedKey(sequence), value);
      });
      return true;
    }
  }
  return false;
}

async function forgetUploads({ kv, environment }: Parts): Promise<boolean> {
  const now = environment.clock.wall();
  for await (const page of kv.scan(rememberedRange(), { pageEntries: 1 })) {
    for (const { key, value } of page) {
      const { uploadKey, at } = decodeFinished(value);
      if (now.seconds - at.seconds < COMPLETED_UPLOAD_SECONDS) return false;
      await kv.transact('buffered', async (tx) => {
        tx.delete(uploadKey);
        tx.delete(key);
      });
      return true;
    }
  }
  return false;
}

/** Drafts of an earlier run will not be attached: at start, their content is nobody's. */
export async function abandonDrafts({ kv }: Parts): Promise<void> {
  for await (const page of kv.scan(draftRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    await kv.transact('durable', async (tx) => {
      for (const { key } of page) {
        const contentId = contentIdOfKey(key);
        tx.put(orphanKey(contentId), encodeOrphan(0));
        tx.delete(draftKey(contentId));
      }
    });
  }
}
