import assert from 'node:assert/strict';
import { keyText } from '../../kv/key-text.ts';
import type { Key, KeyRange } from '../../kv/kv.ts';
import { decodeU64, encodeU64, successorOfPrefix } from '../../kv/tuple.ts';
import { FINGERPRINT_BYTES } from '../../workers/frame.ts';
import { SEGMENT_ID_BYTES } from '../../workers/segment.ts';
import type { BlobId } from '../blobs.ts';
import { COUNTS_TABLE } from '../counts.ts';
import type { SegmentId } from '../segment-store.ts';
import type { LowerTier } from '../tier.ts';

/** First byte of keys; the tier follows. */
const table = { recipe: 0x48, chunk: 0x49, segment: 0x4a, similarity: 0x4b, state: 0x4c } as const;
const tierBytes: Readonly<Record<LowerTier, number>> = { warm: 1, cold: 2 };
/** Third byte of rows of counts. */
const counted = { references: 1, live: 2, usage: 3, deltas: 4 } as const;
/** Third byte of rows of which there is one. */
const state = { secrets: 1, sequence: 2, scrubbed: 3, greatest: 4, held: 5, known: 6 } as const;

/** The bytes of a fingerprint as a key of maps. */
export type FingerprintText = string & { readonly brand: 'Fingerprint' };
export const fingerprintText = (bytes: Uint8Array): FingerprintText => keyText(bytes) as FingerprintText;
export const fingerprintOf = (text: FingerprintText): Uint8Array => Buffer.from(text, 'latin1');

export const segmentBytesOf = (id: SegmentId): Uint8Array => Buffer.from(id, 'hex');
export const segmentIdOf = (bytes: Uint8Array): SegmentId => {
  assert.equal(bytes.length, SEGMENT_ID_BYTES);
  return Buffer.from(bytes).toString('hex') as SegmentId;
};

/** Keys of the rows of one chunk store. Ranges begin strictly after what they are given. */
export interface ChunkTables {
  readonly recipe: (id: BlobId) => Key;
  readonly recipes: (after: BlobId | undefined) => KeyRange;
  readonly chunk: (fingerprint: FingerprintText) => Key;
  readonly chunks: (after: FingerprintText | undefined) => KeyRange;
  readonly segment: (id: SegmentId) => Key;
  readonly segments: (after: SegmentId | undefined) => KeyRange;
  /** What a chunk with a super-feature resembles; a slot for many super-features. */
  readonly similar: (slot: number) => Key;
  /** How many recipes, and deltas, name a chunk. Merged, like the next three. */
  readonly references: (fingerprint: FingerprintText) => Key;
  /** Of fingerprints by their first two bytes as a number, from `first` to before `end`. */
  readonly referencesWithin: (first: number, end: number) => KeyRange;
  /** Bytes of the frames in a segment that chunk rows point to. */
  readonly live: (id: SegmentId) => Key;
  readonly usage: Key;
  /** A part of the usage that older stores do not count. */
  readonly deltas: Key;
  readonly secrets: Key;
  readonly sequence: Key;
  readonly scrubbed: Key;
  /** The greatest id that ever had a row of a segment. */
  readonly greatest: Key;
  /** See Hold. */
  readonly held: Key;
  /** The greatest id of before the first start since which nobody has looked at all of the store; absent: somebody has. */
  readonly known: Key;
}

export function chunkTables(tier: LowerTier): ChunkTables {
  const under = (first: number, tail?: Uint8Array, third?: number): Key => {
    const headBytes = third === undefined ? 2 : 3;
    const key = Buffer.allocUnsafe(headBytes + (tail?.length ?? 0));
    key[0] = first;
    key[1] = tierBytes[tier];
    if (third !== undefined) key[2] = third;
    if (tail !== undefined) key.set(tail, headBytes);
    return key;
  };
  const range = (first: number, after: Uint8Array | undefined): KeyRange => ({
    start: after === undefined ? under(first) : Buffer.concat([under(first, after), Uint8Array.of(0)]),
    end: successorOfPrefix(under(first)),
  });
  const bytes = <Id, Bytes>(id: Id | undefined, of: (id: Id) => Bytes): Bytes | undefined =>
    id === undefined ? undefined : of(id);
  return {
    recipe: (id) => under(table.recipe, encodeU64(id)),
    recipes: (after) => range(table.recipe, bytes(after, encodeU64)),
    chunk: (fingerprint) => under(table.chunk, fingerprintOf(fingerprint)),
    chunks: (after) => range(table.chunk, bytes(after, fingerprintOf)),
    segment: (id) => under(table.segment, segmentBytesOf(id)),
    segments: (after) => range(table.segment, bytes(after, segmentBytesOf)),
    similar: (slot) => under(table.similarity, u32(slot)),
    references: (fingerprint) => under(COUNTS_TABLE, fingerprintOf(fingerprint), counted.references),
    referencesWithin: (first, end) => ({
      start: under(COUNTS_TABLE, u16(first), counted.references),
      end:
        end === 2 ** 16
          ? successorOfPrefix(under(COUNTS_TABLE, undefined, counted.references))
          : under(COUNTS_TABLE, u16(end), counted.references),
    }),
    live: (id) => under(COUNTS_TABLE, segmentBytesOf(id), counted.live),
    usage: under(COUNTS_TABLE, undefined, counted.usage),
    deltas: under(COUNTS_TABLE, undefined, counted.deltas),
    secrets: under(table.state, undefined, state.secrets),
    sequence: under(table.state, undefined, state.sequence),
    scrubbed: under(table.state, undefined, state.scrubbed),
    greatest: under(table.state, undefined, state.greatest),
    held: under(table.state, undefined, state.held),
    known: under(table.state, undefined, state.known),
  };
}

const u16 = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 255);

function u32(number: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

const keyHeadBytes = 2;

export const blobOfRecipeKey = (key: Key): BlobId => decodeU64(key, keyHeadBytes) as BlobId;
export const segmentOfKey = (key: Key): SegmentId => segmentIdOf(key.subarray(keyHeadBytes));
export function fingerprintOfKey(key: Key): FingerprintText {
  assert.equal(key.length, keyHeadBytes + FINGERPRINT_BYTES);
  return fingerprintText(key.subarray(keyHeadBytes));
}

export const fingerprintOfReferencesKey = (key: Key): FingerprintText => {
  assert.equal(key.length, keyHeadBytes + 1 + FINGERPRINT_BYTES);
  return fingerprintText(key.subarray(keyHeadBytes + 1));
};
