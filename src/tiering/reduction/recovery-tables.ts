import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Key, KeyRange, Value } from '../../kv/kv.ts';
import { encodeU64, prefixRange } from '../../kv/tuple.ts';
import { FINGERPRINT_BYTES } from '../../workers/frame.ts';
import type { BlobId } from '../blobs.ts';
import type { SegmentId } from '../segment-store.ts';
import type { LowerTier } from '../tier.ts';
import { fingerprintOf, segmentBytesOf, segmentIdOf, type FingerprintText } from './tables.ts';

/** First byte of the keys of a recovery, in a store of its own; the tier follows. What begins with more is not of tiering. */
export const RECOVERY_TABLES_END = 0x04;
const table = { copy: 0x01, description: 0x02, blob: 0x03 } as const;
const tierBytes: Readonly<Record<LowerTier, number>> = { warm: 1, cold: 2 };
const startBytes = 4;
const headBytes = 2;

/** Where a frame lies. */
export interface FramePlace {
  readonly segment: SegmentId;
  readonly start: number;
  readonly length: number;
}

/** Rows of what was found in the segments of one tier. */
export interface RecoveryTables {
  /** Of a chunk: while segments are compacted it has several. */
  readonly copy: (fingerprint: FingerprintText, place: FramePlace) => Key;
  readonly copies: (fingerprint: FingerprintText) => KeyRange;
  /** Of a frame that may be a description. */
  readonly description: (place: FramePlace) => Key;
  readonly descriptions: KeyRange;
  readonly blob: (id: BlobId) => Key;
  readonly blobs: KeyRange;
}

export function recoveryTables(tier: LowerTier): RecoveryTables {
  const under = (first: number, ...tail: readonly Uint8Array[]): Key =>
    Buffer.concat([Uint8Array.of(first, tierBytes[tier]), ...tail]);
  return {
    copy: (fingerprint, place) => under(table.copy, fingerprintOf(fingerprint), placeBytes(place)),
    copies: (fingerprint) => prefixRange(under(table.copy, fingerprintOf(fingerprint))),
    description: (place) => under(table.description, placeBytes(place)),
    descriptions: prefixRange(under(table.description)),
    blob: (id) => under(table.blob, encodeU64(id)),
    blobs: prefixRange(under(table.blob)),
  };
}

function placeBytes({ segment, start }: FramePlace): Uint8Array {
  const bytes = Buffer.alloc(startBytes);
  bytes.writeUInt32BE(start);
  return Buffer.concat([segmentBytesOf(segment), bytes]);
}

const placeAt = (key: Key, at: number, length: number): FramePlace => ({
  segment: segmentIdOf(key.subarray(at, key.length - startBytes)),
  start: Buffer.from(key).readUInt32BE(key.length - startBytes),
  length,
});

export const placeOfCopyKey = (key: Key, value: Value): FramePlace =>
  placeAt(key, headBytes + FINGERPRINT_BYTES, decodeLength(value));
export const placeOfDescriptionKey = (key: Key, value: Value): FramePlace =>
  placeAt(key, headBytes, decodeLength(value));

export const encodeLength = (length: number): Value => new RecordWriter().number(length).finish();
const decodeLength = (value: Value): number => new RecordReader(value).number();

/** A description and its label. */
export const encodeFound = (description: Uint8Array, label: Uint8Array): Value =>
  new RecordWriter().bytes(description).bytes(label).finish();

export function decodeFound(value: Value): { readonly description: Uint8Array; readonly label: Uint8Array } {
  const reader = new RecordReader(value);
  return { description: reader.bytes(), label: reader.bytes() };
}
