import assert from 'node:assert/strict';
import type { MonotonicMs } from '../environment.ts';
import { Fault } from '../fault.ts';
import {
  CONTENT_BLOB_BYTES_MAX,
  EXTENTS_MERGED_MIN,
  MERGE_FILES_MAX,
  MERGE_QUIET_MS,
  MERGE_SCAN_BYTES_MAX,
} from '../limits.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { loadInode } from './attributes.ts';
import { plan, readPieces } from './content.ts';
import { contentOf } from './content-key.ts';
import { endOf, extentsWithin, replaceRanges, type Range } from './extents.ts';
import { putHolders } from './holders.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { Extent, Inode } from './records.ts';
import { stageRun, type Staged } from './stage.ts';

/** A file that NFS has written to, and where. */
interface Written {
  start: number;
  end: number;
  /** Where the last of it ended. */
  lastEnd: number;
  quietSince: MonotonicMs;
}

/**
 * Files whose extents may have become many and short, in memory: what a crash forgets is found again when the file is
 * written to once more.
 */
export class ShortExtents {
  readonly #files = new Map<Ino, Written>();

  /** To be called when `range` of a file was written out. */
  note(ino: Ino, { start, end }: Range, now: MonotonicMs): void {
    const known = this.#files.get(ino);
    if (known === undefined) {
      const written = { start, end, lastEnd: end, quietSince: now };
      if (this.#files.size < MERGE_FILES_MAX) this.#files.set(ino, written);
      return;
    }
    known.start = Math.min(known.start, start);
    known.end = Math.max(known.end, end);
    known.lastEnd = end;
    known.quietSince = now;
  }

  /** Where the last noted range of a file ended, if that is known. */
  endOf(ino: Ino): number | undefined {
    return this.#files.get(ino)?.lastEnd;
  }

  /** Part of a file that nobody has written to for a while; it is not given again until it is noted again. */
  take(now: MonotonicMs): { readonly ino: Ino; readonly range: Range } | undefined {
    for (const [ino, written] of this.#files) {
      if (now - written.quietSince < MERGE_QUIET_MS) continue;
      const range = {
        start: written.start,
        end: Math.min(written.end, written.start + MERGE_SCAN_BYTES_MAX),
      };
      if (range.end === written.end) this.#files.delete(ino);
      else written.start = range.end;
      return { ino, range };
    }
    return undefined;
  }
}

/** One bounded unit of merging; true when there was some. */
export async function mergeShortExtents(parts: Parts): Promise<boolean> {
  const taken = parts.shortExtents.take(parts.environment.clock.monotonic());
  if (taken === undefined) return false;
  try {
    const inode = await loadInode(parts.kv, taken.ino);
    const extents = await extentsWithin(parts.kv, inode, taken.range);
    for (const run of shortRuns(extents)) await merge(parts, inode, run);
  } catch (fault) {
    // Removed meanwhile, or its key is disabled, or there is no space: it stays as it is until it is written to again.
    if (!(fault instanceof Fault)) throw fault;
  }
  return true;
}

/**
 * Extents that touch one another, within one stretch of `CONTENT_BLOB_BYTES_MAX` of the file, and are so many that they
 * shall be one. A write makes two extents more at most, so that of each byte written not more than
 * 2 · `CONTENT_BLOB_BYTES_MAX` / `EXTENTS_MERGED_MIN` are written again, or 32 for writes of 4 KiB. Pure.
 */
export function shortRuns(extents: readonly Extent[]): readonly (readonly Extent[])[] {
  const runs: Extent[][] = [];
  for (const extent of extents) {
    const last = runs.at(-1)?.at(-1);
    const touches = last !== undefined && endOf(last) === extent.offset;
    const isNear = last !== undefined && stretchOf(last.offset) === stretchOf(endOf(extent) - 1);
    if (touches && isNear) runs.at(-1)?.push(extent);
    else runs.push([extent]);
  }
  return runs.filter((run) => run.length >= EXTENTS_MERGED_MIN);
}

const stretchOf = (offset: number): number => Math.floor(offset / CONTENT_BLOB_BYTES_MAX);

/** Makes one extent of `run`, unless it has changed since. No byte or attribute that anybody can see changes. */
async function merge(parts: Parts, inode: Inode, run: readonly Extent[]): Promise<void> {
  const [first, last] = [run[0], run.at(-1)];
  assert(first !== undefined && last !== undefined, 'a run has extents');
  const range = { start: first.offset, end: endOf(last) };
  const { blobs, kv } = parts;
  const content = contentOf(parts, inode.encryption);
  const guard = blobs.guard();
  let staged: Staged | undefined;
  try {
    // The guard is younger than the look at the extents: what they are now is what it keeps readable.
    const isThere = same(run, await extentsWithin(kv, await loadInode(kv, inode.ino), range));
    if (!isThere) return;
    // The file has been quiet for a while.
    const staging = { blobs, content, lifetime: 'long' } as const;
    staged = await stageRun(staging, range.start, await readPieces(content, plan(run, [], range)));
    await blobs.flush(staged.blobs);
    const fresh = staged;
    const isDone = await kv.transact('durable', (tx) =>
      replace(parts, tx, { ino: inode.ino, run, range, fresh }),
    );
    if (isDone) staged = undefined;
  } finally {
    for (const blob of staged?.blobs ?? []) blobs.discard(blob);
    guard.release();
  }
}

/** False when the file is another one there than the run was read from. */
async function replace(
  { blobs, sequence }: Parts,
  tx: KvTransaction,
  change: {
    readonly ino: Ino;
    readonly run: readonly Extent[];
    readonly range: Range;
    readonly fresh: Staged;
  },
): Promise<boolean> {
  const { ino, run, range, fresh } = change;
  const inode = await loadInode(tx, ino);
  if (!same(run, await extentsWithin(tx, inode, range))) return false;
  for (const blob of fresh.blobs) blobs.attach(tx, blob);
  putHolders(tx, ino, fresh.extents);
  const nextId = (): number => sequence.next();
  const place = await replaceRanges({ tx, blobs, nextId }, inode, [{ ...range, fresh: fresh.extents }]);
  await putInode(tx, { ...inode, ...place });
  return true;
}

const same = (one: readonly Extent[], other: readonly Extent[]): boolean =>
  one.length === other.length &&
  one.every((extent, index) => {
    const now = other[index];
    return (
      extent.offset === now?.offset &&
      extent.length === now.length &&
      extent.blob === now.blob &&
      extent.blobOffset === now.blobOffset
    );
  });
