import type { KvReader, KvTransaction, Value } from '../../kv/kv.ts';
import type { BlobId, Blobs } from '../blobs.ts';

/** The copy that a blob has in the hot tier, as its row says. */
export interface HotCopy {
  readonly id: BlobId;
  /** Of the blob. */
  readonly length: number;
  /** Of the device; 0 where the bytes are in the row. */
  readonly bytesTaken: number;
  /** Tells this copy from an earlier or later one of the same blob. */
  readonly row: Value;
}

/** Bytes of a blob that exists already, at a new place in the hot tier that no durable row names yet. */
export interface HotDraft {
  readonly id: BlobId;
  readonly length: number;
  readonly bytesTaken: number;
}

/** Releases what else was kept of blobs, in the transaction that deletes their rows. */
export type AlsoRelease = (tx: KvTransaction, ids: readonly BlobId[]) => Promise<void>;

/** What has been done for the device since the start, and how its free space is now; in bytes. */
export interface HotUpkeep {
  readonly bytesTrimmed: number;
  readonly bytesDefragmented: number;
  /** Of the free space, what lies in wholly free units of 1 MiB. */
  readonly bytesFreeWhole: number;
  /** Blocks of the device that fail and are not used any more, and freed space that waits to be examined for some. */
  readonly bytesRetired: number;
  readonly bytesSuspect: number;
}

/** The hot tier as the layer above it sees it, which knows that blobs may have copies elsewhere. */
export interface HotBlobs extends Blobs {
  /** Of each blob the copy that it has here, if any. */
  copiesOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (HotCopy | undefined)[]>;
  /** Copies on the device, ascending by id after `after`; those in rows are left out. */
  copiesAfter(after: BlobId, countMax: number): Promise<readonly HotCopy[]>;
  /** Whether a blob has no references any more and waits for its end. */
  areGarbage(reader: KvReader, ids: readonly BlobId[]): Promise<readonly boolean[]>;
  /**
   * Takes away a copy that `copiesOf` has found in this transaction, which must be a durable one. Its space is free when
   * reads under way have ended.
   */
  drop(tx: KvTransaction, copy: HotCopy): void;
  /** Gives a blob that exists another place here. Resolves when it is durable there and was read back. Fault('no-space', 'blob'). */
  draft(id: BlobId, bytes: Uint8Array): Promise<HotDraft>;
  /** Writes the row of a draft, in the place of that of `replaced` if there is one; both as `drop` says. */
  attachDraft(tx: KvTransaction, draft: HotDraft, replaced: HotCopy | undefined): void;
  discardDraft(draft: HotDraft): void;
  /** One unit of giving freed space back to the device, where that is wanted and can be done. */
  trim(): Promise<'busy' | 'idle'>;
  /** One unit of examining space in which the device has failed, before it is given out again. */
  examine(): Promise<'busy' | 'idle'>;
  /** One unit of making large free extents out of small ones, where there is need. */
  defragment(): Promise<'busy' | 'idle'>;
  upkeep(): HotUpkeep;
  /** The blob stays until the function that this answers is called. */
  keep(id: BlobId): () => void;
}
