import { CONTENT_BLOB_BYTES_MAX } from '../../limits.ts';
import { CUT_PIECES_MAX, CUT_READ_PIECES_MAX } from '../../limits/tiering.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../../tiering/blobs.ts';
import type { ForeignRange } from '../../tiering/foreign/foreign-records.ts';
import { ifStale, loadInode } from '../attributes.ts';
import { changedBelow } from '../census/bytes-below.ts';
import { endOf, extentsWithin, replaceRanges } from '../extents.ts';
import { holdersOf, putHolders } from '../holders.ts';
import type { Ino } from '../namespace.ts';
import { putInode } from '../put-inode.ts';
import { countingOf } from '../quota/counting.ts';
import type { Extent } from '../records.ts';
import type { ForeignParts } from './bring.ts';

/**
 * Puts blobs of the usual length in the place of a part of one that is longer, in a file that shows it: ranges of the same
 * object, which can be moved. The content stays what it is, and so do its generation and times. False: no file shows it.
 */
export async function cutSome(parts: ForeignParts, blob: BlobId): Promise<boolean> {
  return cut(parts, blob, { from: 0, piecesMax: CUT_PIECES_MAX });
}

/** The same of the part around an offset of the blob, in the first file that shows it: it is read there again and again. */
export async function cutAround(parts: ForeignParts, blob: BlobId, offset: number): Promise<boolean> {
  return cut(parts, blob, { from: offset, piecesMax: CUT_READ_PIECES_MAX });
}

/** Where in the blob the first piece is, and how many follow at most. */
interface CutWish {
  readonly from: number;
  readonly piecesMax: number;
}

async function cut(parts: ForeignParts, blob: BlobId, wish: CutWish): Promise<boolean> {
  const [holders = []] = await holdersOf(parts.kv, [blob]);
  for (const { ino, base } of holders) {
    const isCut = await parts.kv.transact('durable', (tx) => cutIn(parts, tx, { ino, base, blob, ...wish }));
    if (isCut) return true;
  }
  return false;
}

async function cutIn(
  parts: ForeignParts,
  tx: KvTransaction,
  { ino, base, blob, ...wish }: CutWish & { readonly ino: Ino; readonly base: number; readonly blob: BlobId },
): Promise<boolean> {
  const { foreign, blobs, sequence } = parts;
  const inode = await loadInode(tx, ino).catch(ifStale);
  const range = await foreign.rangeOf(tx, blob);
  if (inode === undefined || range === undefined) return false;
  const from = Math.max(0, base + wish.from);
  const within = { start: from, end: base + range.length };
  const extent = (await extentsWithin(tx, inode, within)).find((it) => it.blob === blob);
  if (extent === undefined) return false;
  countingOf(tx).admit();
  const fresh = piecesOf(extent, range, { from, piecesMax: wish.piecesMax }).map(({ at, ...piece }) => ({
    ...piece,
    blob: foreign.attach(tx, at),
    blobOffset: 0,
  }));
  const [first, last] = [fresh[0], fresh.at(-1)];
  if (first === undefined || last === undefined) return false;
  const replacement = { start: first.offset, end: endOf(last), fresh };
  const nextId = (): number => sequence.next();
  const place = await replaceRanges({ tx, blobs, nextId }, inode, [replacement]);
  putHolders(tx, ino, fresh);
  // Its pieces are where they were before: with those whose bucket it is.
  const below = changedBelow(place.below, 'cold', endOf(last) - first.offset);
  await putInode(tx, { ...inode, ...place, below });
  return true;
}

interface CutPiece extends Pick<Extent, 'offset' | 'length'> {
  readonly at: ForeignRange;
}

/** Pieces of an extent around `from` of the file and behind it; they end where blobs of a file that was written in order do. Pure. */
export function piecesOf(
  extent: Extent,
  range: ForeignRange,
  { from, piecesMax }: CutWish,
): readonly CutPiece[] {
  const pieces: CutPiece[] = [];
  const aligned = Math.floor(from / CONTENT_BLOB_BYTES_MAX) * CONTENT_BLOB_BYTES_MAX;
  const start = Math.max(extent.offset, aligned);
  for (let offset = start; offset < endOf(extent) && pieces.length < piecesMax;) {
    const next = (Math.floor(offset / CONTENT_BLOB_BYTES_MAX) + 1) * CONTENT_BLOB_BYTES_MAX;
    const length = Math.min(next, endOf(extent)) - offset;
    const inBlob = extent.blobOffset + offset - extent.offset;
    pieces.push({ offset, length, at: { ...range, offset: range.offset + inBlob, length } });
    offset += length;
  }
  return pieces;
}
