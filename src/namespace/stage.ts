import { CONTENT_BLOB_BYTES_MAX } from '../limits.ts';
import type { Blobs, Lifetime, StagedBlob } from '../tiering/blobs.ts';
import type { BlobContent } from '../tiering/sealed-blobs.ts';
import type { Extent } from './records.ts';

/** Content with a place but without rows yet. */
export interface Staged {
  readonly extents: readonly Extent[];
  readonly blobs: readonly StagedBlob[];
}

/** Cuts a run of bytes into lists of at most `CONTENT_BLOB_BYTES_MAX` bytes each, without copying. */
export function cutIntoBlobs(parts: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const lists: Uint8Array[][] = [];
  let room = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      if (room === 0) {
        lists.push([]);
        room = CONTENT_BLOB_BYTES_MAX;
      }
      const piece = part.subarray(at, at + room);
      lists.at(-1)?.push(piece);
      room -= piece.length;
      at += piece.length;
    }
  }
  return lists;
}

export const lengthOf = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, part) => sum + part.length, 0);

export interface Staging {
  readonly blobs: Blobs;
  readonly content: Pick<BlobContent, 'stage'>;
  /** How soon the bytes will probably be given up. */
  readonly lifetime: Lifetime;
}

/** Stages the bytes of a file from `offset` under its key; on a fault nothing stays staged. */
export async function stageRun(
  { blobs, content, lifetime }: Staging,
  offset: number,
  parts: readonly Uint8Array[],
): Promise<Staged> {
  const extents: Extent[] = [];
  const staged: StagedBlob[] = [];
  let at = offset;
  try {
    for (const list of cutIntoBlobs(parts)) {
      const blob = await content.stage(list, lifetime);
      staged.push(blob);
      extents.push({ offset: at, length: lengthOf(list), blob: blob.id, blobOffset: 0 });
      at += lengthOf(list);
    }
  } catch (fault) {
    for (const blob of staged) blobs.discard(blob);
    throw fault;
  }
  return { extents, blobs: staged };
}
