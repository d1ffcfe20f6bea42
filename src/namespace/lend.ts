import { allOrNone } from '../tiering/all-or-none.ts';
import type { Lent } from '../tiering/content-cache.ts';
import type { BlobFrames } from '../tiering/sealed-blobs.ts';
import { holeBytes, type Piece } from './content.ts';
import type { Parts } from './parts.ts';

/** The bytes of `pieces`, in order, from memory or by way of it. */
export async function lendPieces(
  { cache }: Pick<Parts, 'cache'>,
  source: BlobFrames,
  pieces: readonly Piece[],
): Promise<Lent> {
  const wanted = pieces.map((piece) => {
    if (piece.from === 'bytes') return own([piece.bytes]);
    if (piece.from === 'hole') return own(holeBytes(piece.length));
    return cache.read(source, piece.blob, { offset: piece.blobOffset, length: piece.length });
  });
  const [only] = wanted;
  if (wanted.length === 1 && only !== undefined) return only;
  const lent = await allOrNone(wanted, (each) => each.letGo());
  return {
    parts: lent.flatMap((each) => each.parts),
    letGo: () => lent.forEach((each) => each.letGo()),
  };
}

/** Bytes that belong to nobody else. */
export const own = (parts: readonly Uint8Array[]): Lent => ({ parts, letGo: () => undefined });
