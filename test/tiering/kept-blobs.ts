import { FRAME_BYTES } from '../../src/workers/cipher.ts';
import type { BlobId, StagedBlob } from '../../src/tiering/blobs.ts';

/** Blobs that are kept as they come, and what of them was read. */
export class KeptBlobs {
  readonly kept: Buffer[] = [];
  bytesRead = 0;
  reads = 0;

  async stage(parts: readonly Uint8Array[]): Promise<StagedBlob> {
    const length = this.kept.push(Buffer.concat(parts));
    return { id: (length - 1) as BlobId, length };
  }

  /** Into `room` where there is one, as the hot device does. */
  async readUpTo(id: BlobId, offset: number, lengthMax: number, room?: Uint8Array): Promise<Uint8Array> {
    const bytes = this.kept[id]?.subarray(offset, offset + lengthMax) ?? Buffer.of();
    this.bytesRead += bytes.length;
    this.reads += 1;
    if (room === undefined || room.length < bytes.length) return Buffer.from(bytes);
    room.set(bytes);
    return room.subarray(0, bytes.length);
  }

  async readFrames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number> {
    const bytes = await this.readUpTo(id, first * FRAME_BYTES, targets.length * FRAME_BYTES);
    for (const [index, target] of targets.entries())
      target.set(bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES));
    return bytes.length;
  }
}
