import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { MIGRATION_READS_MAX } from '../limits/tiering.ts';
import { allOrNone } from './all-or-none.ts';
import type { BlobLabels, ShiftedBlob } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import type { Descriptions } from './descriptions.ts';
import { warmestOf, type BlobCopies, type Copies } from './copies.ts';
import type { HotDraft } from './hot/hot-blobs.ts';
import type { MigrationState } from './migration-records.ts';
import type { ChunkStore, StoredBlob } from './reduction/chunk-store.ts';
import { tiers, type LowerTier, type Tier } from './tier.ts';

export interface MoveParts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
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

/**
 * Makes `to` the warmest tier of each of the blobs: copies what is not there, and then in one commit lets the copies count and
 * gives up warmer ones. Before that commit nothing has changed but for what nobody names. Blobs that have ended, or lost
 * their last reference, are passed over. Faults of the tiers; 'conflict' when it should be tried again.
 */
export function moveBatch(parts: MoveParts, moving: Moving): Promise<MovedBatch> {
  return moving.to === 'hot' ? promote(parts, moving) : demote(parts, moving, moving.to);
}

async function demote(parts: MoveParts, moving: Moving, to: LowerTier): Promise<MovedBatch> {
  const { copies, descriptions } = parts;
  const store = copies.lower.of(to);
  assert(store !== undefined, `there is no tier ${to}`);
  const keeps = descriptions.keep(moving.blobs.map(({ id }) => id));
  try {
    return await demoteTo(parts, moving, store);
  } finally {
    keeps();
  }
}

async function demoteTo(parts: MoveParts, moving: Moving, store: ChunkStore): Promise<MovedBatch> {
  const { copies, labels } = parts;
  const to = store.tier;
  const missing = moving.blobs.filter(({ lower }) => !lower.includes(to));
  await moving.note('copying');
  const { read, failure } = await readAll(copies, missing);
  const said = await labels.labelsOf(read.map(({ id }) => id));
  const wanted = read.map((blob, index) => ({ ...blob, label: said[index]! }));
  const stored = wanted.length === 0 ? [] : await store.store(wanted);
  await moving.note('copied');
  // A store resolves after it has read back what it has written.
  await moving.note('verified');
  const made = new Map(stored.map((each) => [each.id, each]));
  const attached = new Set<StoredBlob>();
  try {
    return await copies.kv.transact('durable', async (tx) => {
      attached.clear();
      const moved = await liveCopies(copies, tx, moving.blobs);
      const switched = await switchDown(parts, tx, { moved, store, made, attached });
      moving.switched(tx, switched);
      return { ...switched, ...(failure !== undefined && { failure }) };
    });
  } catch (cause) {
    attached.clear();
    throw cause;
  } finally {
    for (const each of stored) if (!attached.has(each)) store.discard(each);
  }
}

interface Switch {
  readonly moved: readonly BlobCopies[];
  readonly store: ChunkStore;
  readonly made: ReadonlyMap<BlobId, StoredBlob>;
  readonly attached: Set<StoredBlob>;
}

async function switchDown(
  { copies, labels, dropped }: MoveParts,
  tx: KvTransaction,
  { moved, store, made, attached }: Switch,
): Promise<MovedBatch> {
  const done: BlobCopies[] = [];
  for (const blob of moved) {
    const { id, hot, lower } = blob;
    const fresh = made.get(id);
    if (!lower.includes(store.tier)) {
      if (fresh === undefined) continue;
      assert(fresh.length === blob.length, `the copy of blob ${id} has another length`);
      await store.attach(tx, fresh);
      attached.add(fresh);
    }
    for (const warmer of lower.filter((tier) => isWarmer(tier, store.tier))) {
      await copies.lower.of(warmer)?.release(tx, id);
    }
    if (hot !== undefined) {
      copies.hot.drop(tx, hot);
      tx.whenCommitted(() => dropped(id));
    }
    done.push(blob);
  }
  await labels.shifted(tx, shiftsTo(store.tier, done));
  return summed(done);
}

async function promote(parts: MoveParts, moving: Moving): Promise<MovedBatch> {
  const { copies, labels, cleaned } = parts;
  const missing = moving.blobs.filter(({ hot }) => hot === undefined);
  await moving.note('copying');
  const { read, failure } = await readAll(copies, missing);
  const making = read.map(({ id, bytes }) => copies.hot.draft(id, bytes));
  const drafts = await allOrNone(making, (draft) => copies.hot.discardDraft(draft));
  await moving.note('copied');
  // A draft resolves after it was read back.
  await moving.note('verified');
  const attached = new Set<HotDraft>();
  try {
    return await copies.kv.transact('durable', async (tx) => {
      attached.clear();
      const moved: BlobCopies[] = [];
      for (const blob of await liveCopies(copies, tx, moving.blobs)) {
        const draft = drafts.find(({ id }) => id === blob.id);
        if (blob.hot !== undefined || draft === undefined) continue;
        assert(draft.length === blob.length, `the copy of blob ${blob.id} has another length`);
        copies.hot.attachDraft(tx, draft, undefined);
        attached.add(draft);
        tx.whenCommitted(() => cleaned(blob.id, draft.bytesTaken));
        moved.push(blob);
      }
      await labels.shifted(tx, shiftsTo('hot', moved));
      const switched = summed(moved);
      moving.switched(tx, switched);
      return { ...switched, ...(failure !== undefined && { failure }) };
    });
  } catch (cause) {
    attached.clear();
    throw cause;
  } finally {
    for (const draft of drafts) if (!attached.has(draft)) copies.hot.discardDraft(draft);
  }
}

/** Those of the blobs whose reads another tier has answered until now. */
const shiftsTo = (to: Tier, blobs: readonly BlobCopies[]): readonly ShiftedBlob[] =>
  blobs.flatMap((blob) => {
    const from = warmestOf(blob);
    return from === to ? [] : [{ id: blob.id, length: blob.length, from, to }];
  });

/** Those of the blobs that still exist and have a reference, as this transaction sees them. */
async function liveCopies(
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
async function readAll(copies: Copies, blobs: readonly BlobCopies[]): Promise<ReadBatch> {
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
const isOfBlob = ({ code, subject }: Fault): boolean =>
  code === 'corrupt' || code === 'not-found' || (code === 'conflict' && subject === 'blob');

function summed(blobs: readonly BlobCopies[]): MovedBatch {
  const bytesFrom = tiers.map((tier) =>
    blobs.reduce((sum, blob) => sum + (warmestOf(blob) === tier ? blob.length : 0), 0),
  );
  return { blobs: blobs.length, bytes: bytesFrom.reduce((sum, bytes) => sum + bytes, 0), bytesFrom };
}

const isWarmer = (a: Tier, b: Tier): boolean => tiers.indexOf(a) < tiers.indexOf(b);
