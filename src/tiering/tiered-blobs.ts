import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { FRAME_BYTES, sealedBytes } from '../workers/cipher.ts';
import type { BlobGuard, BlobId, Blobs, BlobUsage, StagedBlob } from './blobs.ts';
import type { BlobRange, Copies } from './copies.ts';
import { BLOCK_BYTES, type Lifetime } from './hot/device.ts';
import type { Tier } from './tier.ts';

/** What the tiers want to know of what the namespace does. */
export interface BlobTraffic {
  readonly staged: (id: BlobId) => void;
  readonly read: (
    id: BlobId,
    from: Tier,
    range: { readonly offset: number; readonly length: number },
  ) => void;
}

interface Parts {
  readonly copies: Copies;
  readonly traffic: BlobTraffic;
  /** Runs `write` when the hot tier has room for it. */
  readonly admit: <T>(length: number, write: () => Promise<T>) => Promise<T>;
  readonly usage: () => BlobUsage;
  /** Hears of a blob that gets another reference. */
  readonly shared: (tx: KvTransaction, id: BlobId) => void;
  readonly inlineBytesMax: number;
}

/**
 * Blobs of all tiers, behind the port that the namespace uses. New ones are written to the hot tier; a read is answered by
 * the warmest copy. References, guards and garbage are those of the hot tier, which also has the rows of blobs that have
 * left it (ADR 31).
 */
export class TieredBlobs implements Blobs {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  stage(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob> {
    const length = lengthOf(parts);
    return this.#stage({ length, bytes: length }, () => this.#parts.copies.hot.stage(parts, lifetime));
  }

  stageSealed(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob> {
    const length = lengthOf(parts);
    return this.#stage({ length, bytes: sealedBytes(length) }, () =>
      this.#parts.copies.hot.stageSealed(parts, lifetime),
    );
  }

  discard(staged: StagedBlob): void {
    this.#parts.copies.hot.discard(staged);
  }

  flush(staged: readonly StagedBlob[]): Promise<void> {
    return this.#parts.copies.hot.flush(staged);
  }

  attach(tx: KvTransaction, staged: StagedBlob): void {
    this.#parts.copies.hot.attach(tx, staged);
  }

  retain(tx: KvTransaction, id: BlobId): Promise<void> {
    this.#parts.shared(tx, id);
    return this.#parts.copies.hot.retain(tx, id);
  }

  release(tx: KvTransaction, id: BlobId): Promise<void> {
    return this.#parts.copies.hot.release(tx, id);
  }

  guard(): BlobGuard {
    return this.#parts.copies.hot.guard();
  }

  read(id: BlobId, offset: number, length: number): Promise<Uint8Array> {
    return this.#read(id, { offset, length, extent: 'exact' });
  }

  readUpTo(id: BlobId, offset: number, lengthMax: number, room?: Uint8Array): Promise<Uint8Array> {
    return this.#read(id, { offset, length: lengthMax, extent: 'upTo', room });
  }

  async readFrames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number> {
    const { copies, traffic } = this.#parts;
    const { length, from } = await copies.readFrames(id, first, targets);
    traffic.read(id, from, { offset: first * FRAME_BYTES, length });
    return length;
  }

  warmestOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (Tier | undefined)[]> {
    return this.#parts.copies.warmestOf(reader, ids);
  }

  collect(): Promise<boolean> {
    return this.#parts.copies.hot.collect();
  }

  /** Of all tiers together. */
  usage(): BlobUsage {
    return this.#parts.usage();
  }

  close(): Promise<void> {
    return this.#parts.copies.hot.close();
  }

  /** `bytes` as they will lie. */
  async #stage(
    { length, bytes }: { readonly length: number; readonly bytes: number },
    write: () => Promise<StagedBlob>,
  ): Promise<StagedBlob> {
    const { traffic, admit, inlineBytesMax } = this.#parts;
    const bytesTaken = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
    const staged = await (length <= inlineBytesMax ? write() : admit(bytesTaken, write));
    traffic.staged(staged.id);
    return staged;
  }

  async #read(id: BlobId, range: BlobRange): Promise<Uint8Array> {
    const { copies, traffic } = this.#parts;
    const { bytes, from } = await copies.read(id, range);
    traffic.read(id, from, { offset: range.offset, length: bytes.length });
    return bytes;
  }
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);
