import assert from 'node:assert/strict';
import { EXTENTS_EMBEDDED_MAX, FILE_BYTES_MAX, PAGE_ENTRIES_MAX } from '../limits.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import type { BlobId, Blobs } from '../tiering/blobs.ts';
import { endOfExtentKey, extentKey, extentRange } from './keys.ts';
import { decodeExtent, encodeExtent, type Extent, type Inode } from './records.ts';

export const endOf = (extent: Extent): number => extent.offset + extent.length;

/** Where the extents of a file are: in its record, or in rows. */
export type ContentPlace = Pick<Inode, 'extents' | 'contentId'>;
export const NO_CONTENT: ContentPlace = { extents: [], contentId: 0 };

/** The pieces of `extent` outside [start, end): none, one or two. */
function outside(extent: Extent, start: number, end: number): readonly Extent[] {
  const pieces: Extent[] = [];
  if (extent.offset < start)
    pieces.push({ ...extent, length: Math.min(start, endOf(extent)) - extent.offset });
  if (endOf(extent) > end) {
    const offset = Math.max(end, extent.offset);
    const skipped = offset - extent.offset;
    pieces.push({
      ...extent,
      offset,
      length: extent.length - skipped,
      blobOffset: extent.blobOffset + skipped,
    });
  }
  return pieces;
}

export interface Cut {
  readonly kept: readonly Extent[];
  /** Blobs that lost their extent, one entry for each reference. */
  readonly released: readonly BlobId[];
  /** Blobs of extents that were cut in two. */
  readonly retained: readonly BlobId[];
}

/** Takes [start, end) out of `extents`. Pure; each extent holds one reference to its blob. */
export function cut(extents: readonly Extent[], start: number, end: number): Cut {
  const kept: Extent[] = [];
  const released: BlobId[] = [];
  const retained: BlobId[] = [];
  for (const extent of extents) {
    const pieces = outside(extent, start, end);
    kept.push(...pieces);
    if (pieces.length === 0) released.push(extent.blob);
    if (pieces.length === 2) retained.push(extent.blob);
  }
  return { kept, released, retained };
}

/** The extents that overlap [start, end), ascending. */
export async function extentsWithin(
  reader: KvReader,
  place: ContentPlace,
  { start, end }: { start: number; end: number },
): Promise<readonly Extent[]> {
  if (place.extents !== undefined) {
    return place.extents.filter((extent) => extent.offset < end && endOf(extent) > start);
  }
  const found: Extent[] = [];
  if (start >= FILE_BYTES_MAX) return found;
  const pageEntries = Math.min(PAGE_ENTRIES_MAX, 8 + Math.ceil((end - start) / 65_536));
  for await (const page of reader.scan(extentRange(place.contentId, start), { pageEntries })) {
    for (const { key, value } of page) {
      const extent = decodeExtent(endOfExtentKey(key), value);
      if (extent.offset >= end) return found;
      found.push(extent);
    }
  }
  return found;
}

export interface Replacement {
  /** Half-open range of the file. */
  readonly start: number;
  readonly end: number;
  /** What lies there afterwards; the rest of the range becomes a hole. Each holds a reference already. */
  readonly fresh: readonly Extent[];
}

/** Makes `fresh` the content of [start, end), releasing what was there. The result goes into the inode's record. */
export async function replaceRange(
  { tx, blobs, nextId }: { tx: KvTransaction; blobs: Blobs; nextId: () => number },
  place: ContentPlace,
  { start, end, fresh }: Replacement,
): Promise<ContentPlace> {
  const old = place.extents ?? (await extentsWithin(tx, place, { start, end }));
  const { kept, released, retained } = cut(old, start, end);
  for (const blob of retained) await blobs.retain(tx, blob);
  for (const blob of released) await blobs.release(tx, blob);
  const all = [...kept, ...fresh].sort((one, other) => one.offset - other.offset);
  if (place.extents === undefined) {
    for (const extent of old) tx.delete(extentKey(place.contentId, endOf(extent)));
    putExtentRows(tx, place.contentId, all);
    return place;
  }
  if (all.length <= EXTENTS_EMBEDDED_MAX) return { extents: all, contentId: 0 };
  const contentId = nextId();
  putExtentRows(tx, contentId, all);
  return { extents: undefined, contentId };
}

export function putExtentRows(tx: KvTransaction, contentId: number, extents: readonly Extent[]): void {
  for (const extent of extents) {
    assert(extent.length > 0);
    tx.put(extentKey(contentId, endOf(extent)), encodeExtent(extent));
  }
}
