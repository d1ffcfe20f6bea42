import type { KvReader, KvTransaction } from '../kv/kv.ts';
import type { Closable } from '../scope.ts';
import type { Lifetime } from './hot/device.ts';
import type { Tier } from './tier.ts';

export type { Lifetime };

/** Allocated in order, never reused; below 2^53. */
export type BlobId = number & { readonly brand: 'BlobId' };

/** A blob whose bytes have a place but which no durable row names yet: a crash forgets it and frees its space. */
export interface StagedBlob {
  readonly id: BlobId;
  readonly length: number;
}

/** Keeps blobs readable while they may be released at any time by others. */
export interface BlobGuard {
  /** From now on only these blobs are kept, not everything that existed when the guard was made. */
  narrow(ids: Iterable<BlobId>): void;
  release(): void;
}

/**
 * Immutable runs of bytes and where they live. The namespace holds ids and never learns the place; this layer never
 * reads an inode. References are counted: a blob is born with one, and its space is free again when the last one has
 * gone durably and no guard covers it.
 */
export interface Blobs extends Closable {
  /**
   * Gives `parts` a place. Small blobs travel in their row, larger ones are written to the hot device now.
   * The caller must not change `parts` until it resolves. `lifetime` says how soon the bytes will probably be given up, compared
   * with others; nothing but the wear of a device depends on it. Fault('no-space', 'blob') when no tier has room.
   */
  stage(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob>;
  /**
   * As `stage`, for content that must not lie anywhere in plain text: every tier that gets a copy seals it with a data key,
   * for as long as the blob lives. Lengths and offsets are those of the plain bytes all the same.
   */
  stageSealed(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob>;
  /** Forgets a staged blob that will not be attached. */
  discard(staged: StagedBlob): void;
  /** Resolves when the bytes of `staged` are durable. Call it before the transaction that attaches them commits. */
  flush(staged: readonly StagedBlob[]): Promise<void>;
  /** Writes the row of a staged blob with one reference: after this commit the blob exists. */
  attach(tx: KvTransaction, staged: StagedBlob): void;
  /** Adds a reference. The caller holds one already, or a guard. */
  retain(tx: KvTransaction, id: BlobId): Promise<void>;
  /** Takes a reference away; the last one makes the blob garbage, which the collector frees later. */
  release(tx: KvTransaction, id: BlobId): Promise<void>;
  /** Every blob that exists now stays readable until the guard narrows or releases. */
  guard(): BlobGuard;
  /**
   * Exactly `length` bytes from `offset`; also of staged blobs. The bytes belong to the caller. This and the two below fault
   * with 'corrupt' for bytes that are not what was staged.
   */
  read(id: BlobId, offset: number, length: number): Promise<Uint8Array>;
  /**
   * Like `read`, but only as far as the blob goes: at most `lengthMax` bytes. They may be put into `room`, which is the
   * caller's again when it settles; what it resolves to says where they are.
   */
  readUpTo(id: BlobId, offset: number, lengthMax: number, room?: Uint8Array): Promise<Uint8Array>;
  /**
   * Puts the bytes of a blob from `first * FRAME_BYTES` on (workers/cipher.ts) into `targets`, each of `FRAME_BYTES`, and
   * resolves to how many those were: the blob may end in them. Nothing touches `targets` any more when it settles.
   */
  readFrames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number>;
  /** The tier that answers reads of each; `undefined` for none. Exact in a transaction. */
  warmestOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (Tier | undefined)[]>;
  /** One bounded unit of garbage collection; false when there was nothing to do. */
  collect(): Promise<boolean>;
  usage(): BlobUsage;
}

/** In bytes of device space. */
export interface BlobUsage {
  readonly bytesTotal: number;
  readonly bytesFree: number;
}
