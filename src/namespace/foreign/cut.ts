import { CONTENT_BLOB_BYTES_MAX } from '../../limits.ts';
import { CUT_PIECES_MAX } from '../../limits/tiering.ts';
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
  const [holders = []] = await holdersOf(parts.kv, [blob]);
  for (const { ino, base } of holders) {
    const isCut = await parts.kv.transact('durable', (tx) => cutIn(parts, tx, { ino, base, blob }));
    if (isCut) return true;
  }
  return false;
}

async function cutIn(
  parts: ForeignParts,
  tx: KvTransaction,
  { ino, base, blob }: { readonly ino: Ino; readonly base: number; readonly blob: BlobId },
): Promise<boolean> {
  const { foreign, blobs, sequence } = parts;
  const inode = await loadInode(tx, ino).catch(ifStale);
  const range = await foreign.rangeOf(tx, blob);
  if (inode === undefined || range === undefined) return false;
  const within = { start: Math.max(0, base), end: base + range.length };
  const extent = (await extentsWithin(tx, inode, within)).find((it) => it.blob === blob);
  if (extent === undefined) return false;
  countingOf(tx).admit();
  const fresh = piecesOf(extent, range).map(({ at, ...piece }) => ({
    ...piece,
    blob: foreign.attach(tx, at),
    blobOffset: 0,
  }));
  const last = fresh.at(-1);
  if (last === undefined) return false;
  const replacement = { start: extent.offset, end: endOf(last), fresh };
  const nextId = (): number => sequence.next();
  const place = await replaceRanges({ tx, blobs, nextId }, inode, [replacement]);
  putHolders(tx, ino, fresh);
  // Its pieces are where they were before: with those whose bucket it is.
  const below = changedBelow(place.below, 'cold', endOf(last) - extent.offset);
  await putInode(tx, { ...inode, ...place, below });
  return true;
}

interface CutPiece extends Pick<Extent, 'offset' | 'length'> {
  readonly at: ForeignRange;
}

/** The first pieces of an extent; they end where blobs of a file that was written in order do. Pure. */
export function piecesOf(extent: Extent, range: ForeignRange): readonly CutPiece[] {
  const pieces: CutPiece[] = [];
  for (let offset = extent.offset; offset < endOf(extent) && pieces.length < CUT_PIECES_MAX;) {
    const next = (Math.floor(offset / CONTENT_BLOB_BYTES_MAX) + 1) * CONTENT_BLOB_BYTES_MAX;
    const length = Math.min(next, endOf(extent)) - offset;
    const inBlob = extent.blobOffset + offset - extent.offset;
    pieces.push({ offset, length, at: { ...range, offset: range.offset + inBlob, length } });
    offset += length;
  }
  return pieces;
}
