import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import { FINGERPRINT_BYTES, FRAME_SALT_BYTES, FRAME_TAG_BYTES, type FrameHead } from '../../workers/frame.ts';
import type { BlobId } from '../blobs.ts';
import type { SegmentId } from '../segment-store.ts';
import type { Recipe } from './records.ts';
import { fingerprintOf, fingerprintText, segmentBytesOf, segmentIdOf } from './tables.ts';

const VERSION = 1;
/** First byte of the label of a description; those that frames of content had in earlier builds began with 0. */
const LABEL_MARK = 1;

/**
 * A frame in the place of content that says of which chunks a blob is made; its label is what the namespace says of the blob.
 * So a tree can be rebuilt from segments alone (ADR 40).
 */
export interface Description {
  readonly id: BlobId;
  /** An id of its own, taken from those of segments: of two descriptions of a blob the later one has the greater. */
  readonly making: SegmentId;
  readonly recipe: Omit<Recipe, 'description'>;
}

export function encodeDescription({ id, making, recipe }: Description): Uint8Array {
  const writer = new RecordWriter().number(VERSION).number(id).bytes(segmentBytesOf(making));
  writer.number(recipe.length);
  writer.list(recipe.chunks, ({ length, fingerprint }) =>
    writer.number(length).bytes(fingerprintOf(fingerprint)),
  );
  return writer.finish();
}

/** `undefined` for anything else, whatever it is. */
export function decodeDescription(bytes: Uint8Array): Description | undefined {
  try {
    return decoded(bytes);
  } catch (failure) {
    if (failure instanceof assert.AssertionError) return undefined;
    throw failure;
  }
}

function decoded(bytes: Uint8Array): Description {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION);
  const id = reader.number() as BlobId;
  const making = segmentIdOf(reader.bytes());
  const length = reader.number();
  const chunks = reader.list(() => {
    const chunkLength = reader.number();
    const fingerprint = reader.bytes();
    assert.equal(fingerprint.length, FINGERPRINT_BYTES);
    return { length: chunkLength, fingerprint: fingerprintText(fingerprint) };
  });
  reader.end();
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    length,
  );
  return { id, making, recipe: { length, chunks } };
}

/** What the frame of a description has as its label. */
export const labelOfDescription = (label: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(LABEL_MARK), label]);

/** What the namespace has said, out of the label of a frame; `undefined` of a frame of content. */
export const labelIn = (frameLabel: Uint8Array): Uint8Array | undefined =>
  frameLabel[0] === LABEL_MARK ? frameLabel.subarray(1) : undefined;

/** Whether a frame may be a description, without opening its label: content of this build has an empty one. */
export const mayDescribe = ({ cipher, label }: FrameHead): boolean =>
  label.length > (cipher === 'none' ? 0 : FRAME_SALT_BYTES + FRAME_TAG_BYTES);
