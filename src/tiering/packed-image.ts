import assert from 'node:assert/strict';
import type { Packed } from '../workers/reduction.ts';
import { readShardHeader, SHARD_HEADER_BYTES, type ShardHeader } from '../workers/segment.ts';

/** What was packed, without the headers of its shards. */
export interface PackedImage {
  /** Of the first shard; the others differ in their index only. */
  readonly header: ShardHeader;
  /** The data shards: one after the other they are the image. Views of what was packed. */
  readonly data: readonly Uint8Array[];
  readonly parity: readonly Uint8Array[];
}

export function packedImage({ shards, shardBytes }: Packed): PackedImage {
  const [first] = shards;
  assert(first !== undefined, 'nothing was packed');
  const header = readShardHeader(first.subarray(0, SHARD_HEADER_BYTES));
  assert(header?.index === 0, 'no header of a first shard');
  const { data, parity } = header.shape;
  assert(shards.length === data + parity, `${shards.length} shards of ${data}+${parity}`);
  const bodies = shards.map((it) => it.subarray(SHARD_HEADER_BYTES, SHARD_HEADER_BYTES + shardBytes));
  return { header, data: bodies.slice(0, data), parity: bodies.slice(data) };
}
