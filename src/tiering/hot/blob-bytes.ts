import type { DeviceBlob, KeyId } from './blob-records.ts';
import { BLOCK_BYTES, type Device, type DeviceExtent, type Lifetime } from './device.ts';

/** Some bytes of a blob. */
interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a blob on their way to a place. */
export interface BlobRun {
  /** Of the plain bytes. */
  readonly length: number;
  readonly keyId: KeyId;
  /** As they shall lie: sealed when there is a key. */
  readonly parts: readonly Uint8Array[];
  /** `medium` where nobody says. */
  readonly lifetime?: Lifetime | undefined;
}

/** Writes a run into `extents`, which hold just the blocks it needs. Nothing is under way when it resolves or rejects. */
export async function writeDeviceBlob(
  device: Device,
  extents: readonly DeviceExtent[],
  { length, keyId, parts, lifetime }: BlobRun,
): Promise<DeviceBlob> {
  const writes: Promise<Uint32Array>[] = [];
  let at = 0;
  for (const extent of extents) {
    const range = { offset: at, length: extent.length };
    writes.push(device.write(extent.offset, partsWithin(parts, range), lifetime));
    at += extent.length;
  }
  const checksums = await allOrNothing(writes);
  const [only] = checksums;
  return {
    length,
    keyId,
    extents,
    checksums: checksums.length === 1 && only !== undefined ? only : joined(checksums),
  };
}

/** Bytes as they lie. Reads only the blocks that hold the range; into `room` as far as they fit. Nothing is under way when it settles. */
export async function readDeviceBlob(
  device: Device,
  blob: DeviceBlob,
  { room, ...range }: Range & { readonly room?: Uint8Array | undefined },
): Promise<Uint8Array> {
  if (range.length === 0) return new Uint8Array(0);
  const first = Math.floor(range.offset / BLOCK_BYTES);
  const end = Math.ceil((range.offset + range.length) / BLOCK_BYTES);
  const reads: Promise<Uint8Array>[] = [];
  let block = 0;
  let used = 0;
  for (const extent of blob.extents) {
    const from = Math.max(first, block);
    const to = Math.min(end, block + extent.length / BLOCK_BYTES);
    if (from < to) {
      const at = extent.offset + (from - block) * BLOCK_BYTES;
      reads.push(device.read(at, blob.checksums.subarray(from, to), room?.subarray(used)));
      used += (to - from + 1) * BLOCK_BYTES;
    }
    block += extent.length / BLOCK_BYTES;
  }
  const pieces = await allOrNothing(reads);
  const skip = range.offset - first * BLOCK_BYTES;
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only.subarray(skip, skip + range.length);
  return Buffer.concat(pieces).subarray(skip, skip + range.length);
}

/** Waits for all even when one fails: the space of a failed write must not be reused while another still runs. */
async function allOrNothing<T>(operations: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(operations);
  return Promise.all(operations);
}

/** The bytes of one range of the concatenation of `parts`, without a copy; shorter where the parts end. */
function partsWithin(parts: readonly Uint8Array[], range: Range): readonly Uint8Array[] {
  const within: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    const from = Math.max(range.offset - at, 0);
    const to = Math.min(range.offset + range.length - at, part.length);
    if (from < to) within.push(part.subarray(from, to));
    at += part.length;
  }
  return within;
}

function joined(pieces: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
