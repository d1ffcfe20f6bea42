import { FRAME_SALT_BYTES } from '../../workers/frame.ts';
import type { ChunkItem } from '../../workers/reduction.ts';
import type { BlobId } from '../blobs.ts';
import type { SegmentId } from '../segment-store.ts';
import { encodeDescription, labelOfDescription } from './description.ts';
import type { ChunkParts } from './parts.ts';
import type { Recipe } from './records.ts';
import { fingerprintText } from './tables.ts';

export interface Described {
  readonly recipe: Recipe;
  /** The frame that `recipe` names as its description. */
  readonly description: ChunkItem;
}

/** A recipe with a fresh description, and that. */
export function described(
  { reduction, chunking, environment }: ChunkParts,
  {
    id,
    label,
    making,
    content,
  }: {
    readonly id: BlobId;
    readonly label: Uint8Array;
    readonly making: SegmentId;
    readonly content: Pick<Recipe, 'length' | 'chunks'>;
  },
): Described {
  const { length, chunks } = content;
  const plain = encodeDescription({ id, making, recipe: { length, chunks } });
  const fingerprint = reduction.fingerprint(chunking.fingerprintKey, plain);
  const salts = environment.random.bytes(2 * FRAME_SALT_BYTES);
  return {
    recipe: { length, chunks, description: fingerprintText(fingerprint) },
    description: { kind: 'chunk', plain, fingerprint, salts, label: labelOfDescription(label) },
  };
}
