import type { KvTransaction } from '../kv/kv.ts';
import type { BlobId } from './blobs.ts';
import type { Tier } from './tier.ts';

/** A blob whose reads another tier answers from a commit on. */
export interface ShiftedBlob {
  readonly id: BlobId;
  readonly length: number;
  readonly from: Tier;
  readonly to: Tier;
}

/**
 * What is written beside blobs in lower tiers, so that segments say where their content belongs. Bytes that mean nothing here:
 * who knows names gives them, when a blob moves.
 */
export interface BlobLabels {
  /** One for each, of at most `BLOB_LABEL_BYTES_MAX`; empty where nothing is known. As committed, or later. */
  labelsOf(ids: readonly BlobId[]): Promise<readonly Uint8Array[]>;
  /** Hears, in the transaction that shifts them, of blobs with other warmest copies than before. */
  shifted(tx: KvTransaction, blobs: readonly ShiftedBlob[]): Promise<void>;
  /** The blobs end with this transaction: what was kept for their labels goes. */
  forget(tx: KvTransaction, ids: readonly BlobId[]): void;
}
