import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { MIGRATION_READS_MAX } from '../limits/tiering.ts';
import type { BlobLabels, ShiftedBlob } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import { warmestOf, type BlobCopies, type Copies } from './copies.ts';
import type { Descriptions } from './descriptions.ts';
import type { MigrationState } from './migration-records.ts';
import type { NativeLayout } from './native-layout/native-layout.ts';
import { tiers, type Tier } from './tier.ts';

export interface MoveParts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
  /** Objects under their own keys in the cold tier, where that is wanted. */
  readonly native: NativeLayout | undefined;
  /** See Descriptions. */
  readonly descriptions: Pick<Descriptions, 'keep'>;
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
  /** Why some were left where they are, which does not keep the others. */
  readonly failure?: Fault;
}

/** Those of the blobs whose reads another tier has answered until now. */
export const shiftsTo = (to: Tier, blobs: readonly BlobCopies[]): readonly ShiftedBlob[] =>
  blobs.flatMap((blob) => {
    const from = warmestOf(blob);
    return from === to ? [] : [{ id: blob.id, length: blob.length, from, to }];
  });

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

interface ReadBlob {
  readonly id: BlobId;
  readonly bytes: Uint8Array;
}

interface ReadBatch {
  readonly read: readonly ReadBlob[];
  /** Why the first of those was not read that nobody can read. */
  readonly failure?: Fault;
}

/** A few at a time, in their order; without those that have ended meanwhile, and those that nobody can read. */
export async function readAll(copies: Copies, blobs: readonly BlobCopies[]): Promise<ReadBatch> {
  const read: ReadBlob[] = [];
  let failure: Fault | undefined;
  for (let first = 0; first < blobs.length; first += MIGRATION_READS_MAX) {
    const some = blobs.slice(first, first + MIGRATION_READS_MAX).map((blob) => readOne(copies, blob));
    for (const found of await Promise.all(some)) {
      if (found instanceof Fault) failure ??= found;
      else if (found !== undefined) read.push(found);
    }
  }
  return { read, ...(failure !== undefined && { failure }) };
}

async function readOne(copies: Copies, blob: BlobCopies): Promise<ReadBlob | Fault | undefined> {
  const { id } = blob;
  try {
    return { id, bytes: (await copies.readWhole(blob)).bytes };
  } catch (cause) {
    if (!(cause instanceof Fault) || !isOfBlob(cause)) throw cause;
    const [now] = await copies.of(copies.kv, [id]);
    return now === undefined ? undefined : cause;
  }
}

/** Says something of this blob, and nothing of the others. */
export const isOfBlob = ({ code, subject }: Fault): boolean =>
  code === 'corrupt' || code === 'not-found' || (code === 'conflict' && subject === 'blob');

export function summed(blobs: readonly BlobCopies[]): MovedBatch {
  const bytesFrom = tiers.map((tier) =>
    blobs.reduce((sum, blob) => sum + (warmestOf(blob) === tier ? blob.length : 0), 0),
  );
  return { blobs: blobs.length, bytes: bytesFrom.reduce((sum, bytes) => sum + bytes, 0), bytesFrom };
}

export const isWarmer = (a: Tier, b: Tier): boolean => tiers.indexOf(a) < tiers.indexOf(b);
