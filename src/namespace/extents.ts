import assert from 'node:assert/strict';
import {
  EXTENT_SCAN_GAP_BYTES_MAX,
  EXTENTS_EMBEDDED_MAX,
  FILE_BYTES_MAX,
  PAGE_ENTRIES_MAX,
} from '../limits.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import type { BlobId, Blobs } from '../tiering/blobs.ts';
import { endOfExtentKey, extentKey, extentRange } from './keys.ts';
import { decodeExtent, encodeExtent, NOTHING_BELOW, type Extent, type Inode } from './records.ts';
import { lessBelow } from './census/bytes-below.ts';

export const endOf = ({ offset, length }: Pick<Extent, 'offset' | 'length'>): number => offset + length;

/** Where the extents of a file are: in its record, or in rows. */
export type ContentPlace = Pick<Inode, 'extents' | 'contentId'>;
/** The same with what of the content lies below the hot tier. */
export type HeldContent = ContentPlace & Pick<Inode, 'below'>;
export const NO_CONTENT: HeldContent = { extents: [], contentId: 0, below: NOTHING_BELOW };

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
  /** Blobs of extents that were cut in several pieces, one entry for each piece after the first. */
  readonly retained: readonly BlobId[];
}

/** Half-open, in bytes of a file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Takes `ranges` (ascending, apart) out of `extents` (likewise). Pure; each extent holds one reference to its blob. */
export function cut(extents: readonly Extent[], ranges: readonly Range[]): Cut {
  const kept: Extent[] = [];
  const released: BlobId[] = [];
  const retained: BlobId[] = [];
  let first = 0;
  for (const extent of extents) {
    while ((ranges[first]?.end ?? Infinity) <= extent.offset) first += 1;
    let rest: Extent | undefined = extent;
    const pieces: Extent[] = [];
    for (let at = first; rest !== undefined; at += 1) {
      const range = ranges[at];
      if (range === undefined || range.start >= endOf(rest)) break;
      const left = outside(rest, range.start, range.end);
      rest = left.at(-1);
      if (rest !== undefined && rest.offset < range.end) {
        pieces.push(rest);
        rest = undefined;
      } else pieces.push(...left.slice(0, -1));
    }
    if (rest !== undefined) pieces.push(rest);
    kept.push(...pieces);
    if (pieces.length === 0) released.push(extent.blob);
    for (let extra = 1; extra < pieces.length; extra += 1) retained.push(extent.blob);
  }
  return { kept, released, retained };
}

/** Index of the first of `extents` that ends at `offset` or behind it. */
export function firstEndingFrom(extents: readonly Extent[], offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const extent = extents[middle];
    if (extent !== undefined && endOf(extent) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those of `extents` that overlap the range. */
export function overlapping(extents: readonly Extent[], { start, end }: Range): readonly Extent[] {
  const first = firstEndingFrom(extents, start + 1);
  let behind = first;
  while ((extents[behind]?.offset ?? Infinity) < end) behind += 1;
  return extents.slice(first, behind);
}

/** The extents that overlap [start, end), ascending. */
export async function extentsWithin(
  reader: KvReader,
  place: ContentPlace,
  { start, end }: Range,
): Promise<readonly Extent[]> {
  if (place.extents !== undefined) return overlapping(place.extents, { start, end });
  const found: Extent[] = [];
  if (start >= FILE_BYTES_MAX) return found;
  const pageEntries = Math.min(PAGE_ENTRIES_MAX, 2 + Math.ceil((end - start) / 65_536));
  for await (const page of reader.scan(extentRange(place.contentId, start), { pageEntries })) {
    for (const { key, value } of page) {
      const extent = decodeExtent(endOfExtentKey(key), value);
      if (extent.offset < end) found.push(extent);
      if (endOf(extent) >= end) return found;
    }
  }
  return found;
}

/** Those that show a blob whose first byte is at `base` of the file, or would be. */
export async function extentsHeld(
  reader: KvReader,
  place: ContentPlace,
  { blob: id, base, length }: { readonly blob: BlobId; readonly base: number; readonly length: number },
): Promise<readonly Extent[]> {
  const found = await extentsWithin(reader, place, { start: Math.max(0, base), end: base + length });
  return found.filter(({ blob, offset, blobOffset }) => blob === id && offset - blobOffset === base);
}

/** The extents around several ranges (ascending, apart), ascending; perhaps with some that lie between them. */
export async function extentsAround(
  reader: KvReader,
  place: ContentPlace,
  ranges: readonly Range[],
): Promise<readonly Extent[]> {
  if (place.extents !== undefined) return place.extents;
  const found: Extent[] = [];
  // One scan passes over a gap sooner than a second one begins.
  for (const range of joined(ranges, EXTENT_SCAN_GAP_BYTES_MAX)) {
    const last = found.at(-1);
    const start = last === undefined ? range.start : Math.max(range.start, endOf(last));
    found.push(...(await extentsWithin(reader, place, { start, end: range.end })));
  }
  return found;
}

function joined(ranges: readonly Range[], gapBytesMax: number): readonly Range[] {
  const runs: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    const last = runs.at(-1);
    if (last !== undefined && start - last.end <= gapBytesMax) last.end = Math.max(last.end, end);
    else runs.push({ start, end });
  }
  return runs;
}

export interface Replacement extends Range {
  /** What lies there afterwards; the rest of the range becomes a hole. Each holds a reference already. */
  readonly fresh: readonly Extent[];
}

function assertWithin({ start, end, fresh }: Replacement): void {
  let at = start;
  for (const extent of fresh) {
    const isRight = extent.offset >= at && endOf(extent) <= end;
    assert(isRight, 'fresh extents lie within their range, one behind the other');
    at = endOf(extent);
  }
}

/**
 * Makes each `fresh` the content of its range, releasing what was there. Ranges are ascending and apart. `fresh` counts as hot.
 * The result goes into the inode's record.
 */
export async function replaceRanges(
  { tx, blobs, nextId }: { tx: KvTransaction; blobs: Blobs; nextId: () => number },
  place: HeldContent,
  replacements: readonly Replacement[],
): Promise<HeldContent> {
  for (const replacement of replacements) assertWithin(replacement);
  const old = await extentsAround(tx, place, replacements);
  const { kept, released, retained } = cut(old, replacements);
  const below = await lessBelow({ tx, blobs }, place.below, { old, kept });
  for (const blob of retained) await blobs.retain(tx, blob);
  for (const blob of released) await blobs.release(tx, blob);
  const fresh = replacements.flatMap((replacement) => replacement.fresh);
  if (place.extents === undefined) {
    const stays = new Set(kept);
    const was = new Set(old);
    for (const extent of old) if (!stays.has(extent)) tx.delete(extentKey(place.contentId, endOf(extent)));
    putExtentRows(tx, place.contentId, [...kept.filter((extent) => !was.has(extent)), ...fresh]);
    return { ...place, below };
  }
  const all = [...kept, ...fresh].sort((one, other) => one.offset - other.offset);
  if (all.length <= EXTENTS_EMBEDDED_MAX) return { extents: all, contentId: 0, below };
  const contentId = nextId();
  putExtentRows(tx, contentId, all);
  return { extents: undefined, contentId, below };
}

export function putExtentRows(tx: KvTransaction, contentId: number, extents: readonly Extent[]): void {
  for (const extent of extents) {
    assert(extent.length > 0);
    tx.put(extentKey(contentId, endOf(extent)), encodeExtent(extent));
  }
}
