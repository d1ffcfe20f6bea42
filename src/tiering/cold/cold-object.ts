import assert from 'node:assert/strict';
import type { Packed } from '../../workers/reduction.ts';
import {
  readFooter,
  readShardHeader,
  SHARD_HEADER_BYTES,
  type SegmentFooter,
  type ShardHeader,
} from '../../workers/segment.ts';
import { packedImage } from '../packed-image.ts';

/** The object of a segment: its image, then with parity `header block | parity shards | header block` (docs/formats.md). */
export function coldObject(packed: Packed): Buffer {
  const { header, data, parity } = packedImage(packed);
  if (header.shape.parity === 0) return Buffer.concat(data);
  const block = packed.shards[0]?.subarray(0, SHARD_HEADER_BYTES);
  assert(block !== undefined);
  return Buffer.concat([...data, block, ...parity, block]);
}

/** An object with parity; byte strings are views of it. */
export interface CodedForm {
  readonly kind: 'coded';
  readonly header: ShardHeader;
  /** A sound one. */
  readonly headerBlock: Uint8Array;
  /** Where the header block lies, in bytes of the object. */
  readonly headersAt: readonly number[];
  /** Where each shard lies, data first. */
  readonly shardsAt: readonly number[];
}

/** What an object says of itself. */
export type ColdForm = CodedForm | { readonly kind: 'plain'; readonly footer: SegmentFooter };

/** `undefined`: what says so is damaged beyond use, or it is no object of a segment. */
export function coldForm(object: Uint8Array, id: Uint8Array): ColdForm | undefined {
  // The last block says it; where that is damaged, the other copy is looked for.
  for (let end = object.length; end >= SHARD_HEADER_BYTES; end -= SHARD_HEADER_BYTES) {
    const headerBlock = object.subarray(end - SHARD_HEADER_BYTES, end);
    const header = readShardHeader(headerBlock);
    if (header === undefined || Buffer.compare(header.id, id) !== 0) continue;
    const form = codedForm(header, headerBlock);
    const [, last = 0] = form.headersAt;
    const isInPlace = form.headersAt.includes(end - SHARD_HEADER_BYTES);
    if (isInPlace && last + SHARD_HEADER_BYTES === object.length) return form;
  }
  const footer = readFooter(object);
  const isPlain = footer?.imageBytes === object.length && Buffer.compare(footer.id, id) === 0;
  return isPlain ? { kind: 'plain', footer } : undefined;
}

function codedForm(header: ShardHeader, headerBlock: Uint8Array): CodedForm {
  const { shape, shardBytes } = header;
  const count = shape.data + shape.parity;
  const imageBytes = shape.data * shardBytes;
  const headersAt = [imageBytes, count * shardBytes + SHARD_HEADER_BYTES];
  const shardsAt = Array.from(
    { length: count },
    (_, index) => index * shardBytes + (index < shape.data ? 0 : SHARD_HEADER_BYTES),
  );
  return { kind: 'coded', header, headerBlock, headersAt, shardsAt };
}
