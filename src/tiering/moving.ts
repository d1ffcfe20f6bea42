import type { KvTransaction } from '../kv/kv.ts';
import { MIGRATION_READS_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import { warmestOf, type BlobCopies, type Copies, type CopyRead } from './copies.ts';
import type { Descriptions } from './descriptions.ts';
import type { MigrationState } from './migration-records.ts';
import type { NativeLayout } from './native-layout/native-layout.ts';
import { tiers, type Tier } from './tier.ts';

export interface MoveParts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
  /** See Descriptions. */
  readonly descriptions: Pick<Descriptions, 'keep'>;
  /** Objects under their own keys in the cold tier, where that is wanted. */
  readonly native: NativeLayout | undefined;
  /** Hears, after the commit, of a hot copy that has become clean or has gone. */
  readonly cleaned: (id: BlobId, bytesTaken: number) => void;
  readonly dropped: (id: BlobId) => void;
}

/** A batch on its way. */
export interface Moving {
  readonly to: Tier;
  readonly blobs: readonly BlobCopies[];
  /** Writes down how far it is. */
  readonly note: (state: MigrationState) => Promise<void>;
  /** The same in the transaction that switches. */
  readonly switched: (tx: KvTransaction, moved: MovedBatch) => void;
}

export interface MovedBatch {
  readonly blobs: number;
  readonly bytes: number;
  /** By tier, warmest first. */
  readonly bytesFrom: readonly number[];
  /** Why some stay where they are, where an operator has to know. */
  readonly refusal?: string | undefined;
}

/** Those of the blobs that still exist and have a reference, as this transaction sees them. */
export async function liveCopies(
  copies: Copies,
  tx: KvTransaction,
  blobs: readonly BlobCopies[],
): Promise<readonly BlobCopies[]> {
  const ids = blobs.map(({ id }) => id);
  const [found, garbage] = await Promise.all([copies.of(tx, ids), copies.hot.areGarbage(tx, ids)]);
  return found.filter(
    (blob, index) => blob !== undefined && garbage[index] !== true,
  ) as readonly BlobCopies[];
}

/** A few at a time, in their order. */
export async function readAll(copies: Copies, blobs: readonly BlobCopies[]): Promise<readonly CopyRead[]> {
  const read: CopyRead[] = [];
  for (let first = 0; first < blobs.length; first += MIGRATION_READS_MAX) {
    const some = blobs.slice(first, first + MIGRATION_READS_MAX);
    read.push(...(await Promise.all(some.map((blob) => copies.readWhole(blob)))));
  }
  return read;
}

export function summed(blobs: readonly BlobCopies[]): MovedBatch {
  const bytesFrom = tiers.map((tier) =>
    blobs.reduce((sum, blob) => sum + (warmestOf(blob) === tier ? blob.length : 0), 0),
  );
  return { blobs: blobs.length, bytes: bytesFrom.reduce((sum, bytes) => sum + bytes, 0), bytesFrom };
}

export const isWarmer = (a: Tier, b: Tier): boolean => tiers.indexOf(a) < tiers.indexOf(b);
