import { CONTENT_BLOB_BYTES_MAX } from '../limits.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { BlobContent } from '../tiering/sealed-blobs.ts';
import type { DirtyRange, DirtyRanges } from './dirty.ts';
import { endOf } from './extents.ts';
import type { Extent } from './records.ts';

/** Where the bytes of one run of a file come from. Pieces of a range follow one another without gap. */
export type Piece =
  | { readonly from: 'bytes'; readonly offset: number; readonly length: number; readonly bytes: Uint8Array }
  | {
      readonly from: 'blob';
      readonly offset: number;
      readonly length: number;
      readonly blob: BlobId;
      readonly blobOffset: number;
    }
  | { readonly from: 'hole'; readonly offset: number; readonly length: number };

interface Range {
  readonly start: number;
  readonly end: number;
}

/** What [start, end) of a file consists of: `extents`, covered by `layers` of dirty data, the last one on top. Pure. */
export function plan(
  extents: readonly Extent[],
  layers: readonly (DirtyRanges | undefined)[],
  { start, end }: Range,
): readonly Piece[] {
  let pieces = withHoles(extents.map(pieceOf), { start, end });
  for (const layer of layers) if (layer !== undefined) pieces = covered(pieces, layer.within(start, end));
  return pieces;
}

const pieceOf = ({ offset, length, blob, blobOffset }: Extent): Piece => ({
  from: 'blob',
  offset,
  length,
  blob,
  blobOffset,
});

/** `piece` cut to [start, end), or nothing. */
function clip(piece: Piece, start: number, end: number): readonly Piece[] {
  const from = Math.max(start, piece.offset);
  const to = Math.min(end, piece.offset + piece.length);
  if (from >= to) return [];
  const skipped = from - piece.offset;
  const clipped = { offset: from, length: to - from };
  switch (piece.from) {
    case 'bytes':
      return [{ ...piece, ...clipped, bytes: piece.bytes.subarray(skipped, skipped + clipped.length) }];
    case 'blob':
      return [{ ...piece, ...clipped, blobOffset: piece.blobOffset + skipped }];
    case 'hole':
      return [{ ...piece, ...clipped }];
  }
}

function withHoles(pieces: readonly Piece[], { start, end }: Range): readonly Piece[] {
  const whole: Piece[] = [];
  let at = start;
  for (const piece of pieces.flatMap((each) => clip(each, start, end))) {
    if (piece.offset > at) whole.push({ from: 'hole', offset: at, length: piece.offset - at });
    whole.push(piece);
    at = piece.offset + piece.length;
  }
  if (at < end) whole.push({ from: 'hole', offset: at, length: end - at });
  return whole;
}

/** `pieces`, which have no gaps, under `ranges`, which lie within them; both ascending. One pass: either may be thousands. */
function covered(pieces: readonly Piece[], ranges: readonly DirtyRange[]): readonly Piece[] {
  const whole: Piece[] = [];
  let next = 0;
  for (const piece of pieces) {
    const end = piece.offset + piece.length;
    for (let at = piece.offset; at < end;) {
      const range = ranges[next];
      if (range === undefined || range.offset > at) {
        const until = Math.min(end, range?.offset ?? end);
        whole.push(...clip(piece, at, until));
        at = until;
        continue;
      }
      const { offset, bytes } = range;
      // It may cover several pieces: it is there from the first one on.
      if (offset === at) whole.push({ from: 'bytes', offset, length: bytes.length, bytes });
      at = Math.min(end, offset + bytes.length);
      if (offset + bytes.length <= end) next += 1;
    }
  }
  return whole;
}

const zeros = new Uint8Array(CONTENT_BLOB_BYTES_MAX);

export function holeBytes(length: number): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let left = length; left > 0; left -= zeros.length) parts.push(zeros.subarray(0, left));
  return parts;
}

/** The bytes of `pieces`, in order. Ask for at most a few MiB at a time: all of them are in memory at once. */
export async function readPieces(
  content: Pick<BlobContent, 'read'>,
  pieces: readonly Piece[],
): Promise<readonly Uint8Array[]> {
  const parts = await Promise.all(
    pieces.map(async (piece) => {
      if (piece.from === 'bytes') return [piece.bytes];
      if (piece.from === 'hole') return holeBytes(piece.length);
      return [await content.read(piece.blob, piece.blobOffset, piece.length)];
    }),
  );
  return parts.flat();
}

/** The blobs that `extents` refer to within a range. */
export const blobsOf = (extents: readonly Extent[]): readonly BlobId[] => extents.map(({ blob }) => blob);

/** The extents cut to [start, end): what a splice of that range shares. */
export function extentsOfRange(extents: readonly Extent[], { start, end }: Range): readonly Extent[] {
  return extents
    .filter((extent) => extent.offset < end && endOf(extent) > start)
    .map((extent) => {
      const offset = Math.max(start, extent.offset);
      const length = Math.min(end, endOf(extent)) - offset;
      return { offset, length, blob: extent.blob, blobOffset: extent.blobOffset + offset - extent.offset };
    });
}
