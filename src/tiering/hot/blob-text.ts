import type { Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { encodeU64 } from '../../kv/tuple.ts';
import {
  FRAME_BYTES,
  plainBytes,
  SALT_BYTES,
  SEALED_FRAME_BYTES,
  sealedBytes,
  type Cipher,
  type Opening,
} from '../../workers/cipher.ts';
import type { BlobId } from '../blobs.ts';
import type { DataKeys } from '../data-keys.ts';
import { Rooms } from '../rooms.ts';
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

  constructor(parts: BlobTextParts) {
    this.#parts = parts;
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
    const length = sealedBytes(parts.reduce((sum, part) => sum + part.length, 0));
    return this.#rooms.lend(length, async (room) => use(await cipher.seal(seal, parts, room), keyId));
  }

  /** The bytes of a sealed blob in a range that it has; they belong to the caller. */
  async read(blob: StoredBlob, keyId: number, { offset, length }: Range): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const first = Math.floor(offset / FRAME_BYTES);
    const frames = Math.ceil((offset + length) / FRAME_BYTES) - first;
    const plain = await this.#rooms.lend(frames * SEALED_FRAME_BYTES, async (room) => {
      const sealed = await blob.fetch(sealedRange(blob, first, frames), room);
      return this.#parts.cipher.open(this.#opening(blob, keyId, first), sealed);
    });
    const from = offset - first * FRAME_BYTES;
    if (plain !== undefined && plain.length >= from + length) return plain.subarray(from, from + length);
    return damaged(blob, first);
  }

  /** See Blobs.readFrames. */
  readFrames(blob: StoredBlob, first: number, targets: readonly Uint8Array[]): Promise<number> {
    const { keyId } = blob;
    return keyId === undefined
      ? this.#copyFrames(blob, first, targets)
      : this.#openFrames(blob, this.#opening(blob, keyId, first), targets);
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

  #openFrames(blob: StoredBlob, opening: Opening, targets: readonly Uint8Array[]): Promise<number> {
    const { firstFrame } = opening;
    return this.#rooms.lend(targets.length * SEALED_FRAME_BYTES, async (room) => {
      const sealed = await blob.fetch(sealedRange(blob, firstFrame, targets.length), room);
      const length = plainBytes(sealed.length);
      if (length === undefined) return damaged(blob, firstFrame);
      const texts = targets
        .slice(0, Math.max(1, Math.ceil(length / FRAME_BYTES)))
        .map((target, index) => target.subarray(0, length - index * FRAME_BYTES));
      const isOpen = await this.#parts.cipher.openEach(opening, sealed, texts);
      return isOpen ? length : damaged(blob, firstFrame);
    });
  }

  #opening({ id }: StoredBlob, keyId: number, firstFrame: number): Opening {
    return { secret: this.#parts.dataKeys.secretOf(keyId), context: encodeU64(id), firstFrame };
  }
}

/** Where frames of a sealed blob lie. */
function sealedRange(blob: StoredBlob, first: number, frames: number): Range {
  const offset = first * SEALED_FRAME_BYTES;
  return { offset, length: Math.min(frames * SEALED_FRAME_BYTES, bytesStored(blob) - offset) };
}

function damaged({ id }: StoredBlob, frame: number): never {
  throw new Fault('corrupt', 'blob', `blob ${id} does not open at ${frame * FRAME_BYTES}`);
}
