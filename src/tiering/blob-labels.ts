import type { KvTransaction } from '../kv/kv.ts';
import type { BlobId } from './blobs.ts';

/**
 * What is written beside blobs in lower tiers, so that segments say where their content belongs. Bytes that mean nothing here:
 * who knows names gives them, when a blob moves.
 */
export interface BlobLabels {
  /** One for each, of at most `BLOB_LABEL_BYTES_MAX`; empty where nothing is known. As committed, or later. */
  labelsOf(ids: readonly BlobId[]): Promise<readonly Uint8Array[]>;
  /** The blobs end with this transaction: what was kept for their labels goes. */
  forget(tx: KvTransaction, ids: readonly BlobId[]): void;
}
