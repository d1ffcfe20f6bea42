import type { Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { encodeU64 } from '../../kv/tuple.ts';
import { FRAME_BYTES, SALT_BYTES, sealedBytes, type Cipher } from '../../workers/cipher.ts';
import type { BlobId } from '../blobs.ts';
import type { DataKeys } from '../data-keys.ts';
import { Rooms } from '../rooms.ts';
import { openFrames, openRange, type OpeningParts, type SealedRun } from '../sealed-run.ts';
import { bytesStored, type KeyId } from './blob-records.ts';

interface Range {
  readonly offset: number;
  readonly length: number;
}

/** A blob as it lies in the hot tier. */
export interface StoredBlob {
  readonly id: BlobId;
  /** Of the plain bytes. */
  readonly length: number;
  readonly keyId: KeyId;
  /** Lies in its row: what is fetched is a view of that, not to be modified. */
  readonly isInline: boolean;
  /** Some of its bytes as they lie, perhaps in `room`. */
  readonly fetch: (range: Range, room?: Uint8Array) => Promise<Uint8Array>;
}

export interface BlobTextParts {
  readonly cipher: Cipher;
  readonly dataKeys: DataKeys;
  readonly random: Random;
}

/**
 * Plain bytes of blobs that lie sealed: one run of frames (workers/cipher.ts) under a data key, with the blob's id as context,
 * so that frames of one blob do not pass for those of another. Frames that do not open are Fault('corrupt', 'blob'), a key
 * that there is not is Fault('corrupt', 'key').
 */
export class BlobText {
  readonly #parts: BlobTextParts;
  readonly #rooms = new Rooms();
  readonly #opening: OpeningParts;

  constructor(parts: BlobTextParts) {
    this.#parts = parts;
    this.#opening = { cipher: parts.cipher, rooms: this.#rooms };
  }

  /** Runs `use` with the sealed bytes, which are nobody's when it has settled, and the key that seals now. */
  seal<Result>(
    id: BlobId,
    parts: readonly Uint8Array[],
    use: (sealed: Uint8Array, keyId: number) => Promise<Result>,
  ): Promise<Result> {
    const { cipher, dataKeys, random } = this.#parts;
    const { keyId, secret } = dataKeys.current();
    const seal = { secret, salt: random.bytes(SALT_BYTES), context: encodeU64(id) };
    let plainLength = 0;
    for (const part of parts) plainLength += part.length;
    const length = sealedBytes(plainLength);
    return this.#rooms.lend(length, async (room) => use(await cipher.seal(seal, parts, room), keyId));
  }

  /** Of the key that seals now. */
  keyId(): number {
    return this.#parts.dataKeys.current().keyId;
  }

  /** Seals a small blob into `room`, which has the length of its sealed bytes, with a key that seals now. */
  sealInto(
    room: Uint8Array,
    {
      id,
      keyId,
      parts,
    }: { readonly id: BlobId; readonly keyId: number; readonly parts: readonly Uint8Array[] },
  ): void {
    const { cipher, dataKeys, random } = this.#parts;
    const seal = { secret: dataKeys.secretOf(keyId), salt: random.bytes(SALT_BYTES), context: encodeU64(id) };
    const sealed = cipher.sealNow(seal, parts, room);
    if (sealed.buffer !== room.buffer) room.set(sealed);
  }

  /** All plain bytes of a small blob from all of its sealed ones; they belong to the caller. */
  openWhole(id: BlobId, keyId: number, sealed: Uint8Array): Uint8Array {
    const { cipher, dataKeys } = this.#parts;
    const opening = { secret: dataKeys.secretOf(keyId), context: encodeU64(id), firstFrame: 0 };
    return cipher.openNow(opening, sealed) ?? damaged(id, 0);
  }

  /** The bytes of a sealed blob in a range that it has; they belong to the caller. */
  async read(blob: StoredBlob, keyId: number, range: Range): Promise<Uint8Array> {
    return (
      (await openRange(this.#opening, this.#runOf(blob, keyId), range)) ?? damaged(blob.id, range.offset)
    );
  }

  /** See Blobs.readFrames. */
  async readFrames(blob: StoredBlob, firstFrame: number, targets: readonly Uint8Array[]): Promise<number> {
    const { keyId } = blob;
    if (keyId === undefined) return this.#copyFrames(blob, firstFrame, targets);
    const length = await openFrames(this.#opening, this.#runOf(blob, keyId), { firstFrame, targets });
    return length ?? damaged(blob.id, firstFrame * FRAME_BYTES);
  }

  #copyFrames(blob: StoredBlob, first: number, targets: readonly Uint8Array[]): Promise<number> {
    const offset = first * FRAME_BYTES;
    const length = Math.min(targets.length * FRAME_BYTES, blob.length - offset);
    return this.#rooms.lend(length, async (room) => {
      const bytes = await blob.fetch({ offset, length }, room);
      for (const [index, target] of targets.entries()) {
        target.set(bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES));
      }
      return length;
    });
  }

  #runOf(blob: StoredBlob, keyId: number): SealedRun {
    return {
      ...{ secret: this.#parts.dataKeys.secretOf(keyId), context: encodeU64(blob.id) },
      fetch: (offset, bytesMax, room) =>
        blob.fetch({ offset, length: Math.min(bytesMax, bytesStored(blob) - offset) }, room),
    };
  }
}

function damaged(id: BlobId, offset: number): never {
  throw new Fault('corrupt', 'blob', `blob ${id} does not open at ${offset}`);
}
