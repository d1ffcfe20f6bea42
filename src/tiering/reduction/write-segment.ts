import assert from 'node:assert/strict';
import { keyFrameOf, keyIdsOf } from './key-frames.ts';
import { encodeSegment, type SegmentRow } from './records.ts';
import { segmentBytesOf, segmentIdOf } from './tables.ts';
import type { ChunkParts } from './parts.ts';
import type { SegmentId } from '../segment-store.ts';
import type { FrameSeal, Packed, PackItem, Packing } from '../../workers/reduction.ts';

/** A segment that is packed and has a place nowhere yet. */
export interface PackedSegment {
  readonly id: SegmentId;
  readonly packed: Packed;
  /** Of the items that were taken, which are the first ones. */
  readonly placed: Packed['placed'];
  readonly seal: FrameSeal;
  readonly row: SegmentRow;
}

/** How a segment is packed; `isDense`: no better compression is to be had. */
export interface SegmentPacking {
  readonly compression: Packing['compression'];
  readonly isDense: boolean;
}

/**
 * A segment of as many of the first items as have room, behind the data keys that they are sealed with. It is pinned: whoever
 * asked for it unpins it.
 */
export async function packSegment(
  parts: ChunkParts,
  items: readonly PackItem[],
  { compression, isDense }: SegmentPacking,
): Promise<PackedSegment> {
  const { reduction, segments, ids, environment, open } = parts;
  const { shape, imageBytesMax } = segments.traits;
  const id = ids.next();
  const seal = sealOf(parts);
  const settings = { shape, imageBytesMax, generation: 1, compression, seal };
  const keys = [...keyIdsOf(items, seal)].map((keyId): PackItem => ({
    kind: 'frame',
    bytes: keyFrameOf(parts, keyId),
  }));
  const packed = await reduction.pack({ ...settings, id: segmentBytesOf(id) }, [...keys, ...items]);
  const placed = packed.placed.slice(keys.length);
  assert(placed.length > 0, 'an item has no room beside the keys of a segment');
  open.pin(id);
  const row: SegmentRow = {
    state: 'writing',
    imageBytes: packed.shardBytes * shape.data,
    frameBytes: placed.reduce((sum, { length }) => sum + length, 0),
    madeAt: environment.clock.wall().seconds,
    isDense,
  };
  return { id, packed, placed, seal, row };
}

function sealOf({ settings: { cipher }, dataKeys }: ChunkParts): FrameSeal {
  if (cipher === 'none') return { cipher, secret: new Uint8Array(), keyId: 0 };
  return { cipher, ...dataKeys.current() };
}

/** Puts it into the store, after a durable row that says so: after a crash it is known as one that nobody names. */
export async function putSegment(parts: ChunkParts, { id, packed, row }: PackedSegment): Promise<void> {
  const { kv, tables, usage, segments } = parts;
  await kv.transact('durable', async (tx) => {
    tx.put(tables.segment(id), encodeSegment(row));
    const greatest = await tx.get(tables.greatest);
    if (greatest === undefined || segmentIdOf(greatest) < id) tx.put(tables.greatest, segmentBytesOf(id));
    usage.change(tx, { segments: 1, bytesStored: row.imageBytes });
  });
  await segments.put(id, packed);
}
