import assert from 'node:assert/strict';
import type { KvTransaction } from '../kv/kv.ts';
import type { BlobId } from './blobs.ts';
import type { BlobCopies } from './copies.ts';
import {
  isWarmer,
  liveCopies,
  readAll,
  shiftsTo,
  summed,
  type MovedBatch,
  type MoveParts,
  type Moving,
} from './moving.ts';
import type { Placed } from './native-layout/native-layout.ts';
import type { ChunkStore, StoredBlob } from './reduction/chunk-store.ts';
import type { LowerTier } from './tier.ts';

const NOWHERE: Placed = {
  places: new Map(),
  unconfirmed: new Set(),
  staying: new Set(),
  failure: undefined,
  done: () => undefined,
};

/** See `moveBatch`: to a lower tier. */
export async function demote(parts: MoveParts, moving: Moving, to: LowerTier): Promise<MovedBatch> {
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
  const { native } = parts;
  const to = store.tier;
  const missing = moving.blobs.filter(({ lower }) => !lower.includes(to));
  await moving.note('copying');
  const isNative = to === 'cold' && native?.isWanted === true;
  const placed = isNative ? await native.place(missing) : NOWHERE;
  try {
    return await copyAndSwitch(parts, moving, { store, missing, placed });
  } finally {
    placed.done();
  }
}

interface Demotion {
  readonly store: ChunkStore;
  /** What has no copy there yet. */
  readonly missing: readonly BlobCopies[];
  /** What of that has one in an object under its own key, or will have none. */
  readonly placed: Placed;
}

async function copyAndSwitch(
  parts: MoveParts,
  moving: Moving,
  { store, missing, placed: expected }: Demotion,
): Promise<MovedBatch> {
  const { copies, labels, native } = parts;
  const coming = missing.filter(({ id }) => !expected.staying.has(id));
  const all = await readAll(copies, coming);
  const bytes = new Map(all.read.map((each) => [each.id, each.bytes]));
  const placed = native === undefined ? expected : await native.confirm(expected, bytes);
  const { failure = placed.failure } = all;
  const isPacked = (id: BlobId): boolean => !placed.places.has(id) && !placed.staying.has(id);
  const packed = all.read.filter(({ id }) => isPacked(id)).map(({ id }) => id);
  const said = await labels.labelsOf(packed);
  const wanted = packed.map((id, index) => ({ id, bytes: bytes.get(id)!, label: said[index]! }));
  const stored = wanted.length === 0 ? [] : await store.store(wanted);
  await moving.note('copied');
  // A store resolves after it has read back what it has written, and so does an upload of an object.
  await moving.note('verified');
  const made = new Map(stored.map((each) => [each.id, each]));
  const attached = new Set<StoredBlob>();
  try {
    return await copies.kv.transact('durable', async (tx) => {
      attached.clear();
      const moved = await liveCopies(copies, tx, moving.blobs);
      const done = await switchDown(parts, tx, { moved, store, placed, bytes, made, attached });
      await labels.shifted(tx, shiftsTo(store.tier, done));
      const switched = { ...summed(done), ...(failure !== undefined && { failure }) };
      moving.switched(tx, switched);
      return switched;
    });
  } catch (cause) {
    attached.clear();
    throw cause;
  } finally {
    for (const each of stored) if (!attached.has(each)) store.discard(each);
  }
}

interface Switch extends Pick<Demotion, 'store' | 'placed'> {
  readonly moved: readonly BlobCopies[];
  readonly bytes: ReadonlyMap<BlobId, Uint8Array>;
  readonly made: ReadonlyMap<BlobId, StoredBlob>;
  readonly attached: Set<StoredBlob>;
}

async function switchDown(
  parts: MoveParts,
  tx: KvTransaction,
  given: Switch,
): Promise<readonly BlobCopies[]> {
  const { copies, dropped } = parts;
  const { store, moved } = given;
  const done: BlobCopies[] = [];
  for (const blob of moved) {
    const { id, hot, lower } = blob;
    if (!lower.includes(store.tier) && !(await attachCopy(parts, tx, { ...given, blob }))) continue;
    for (const warmer of lower.filter((tier) => isWarmer(tier, store.tier))) {
      await copies.lower.of(warmer)?.release(tx, id);
    }
    if (hot !== undefined) {
      copies.hot.drop(tx, hot);
      tx.whenCommitted(() => dropped(id));
    }
    done.push(blob);
  }
  return done;
}

/** False for a blob that stays where it is. */
async function attachCopy(
  { native }: MoveParts,
  tx: KvTransaction,
  { store, placed, bytes, made, attached, blob }: Switch & { readonly blob: BlobCopies },
): Promise<boolean> {
  const { id, length } = blob;
  const place = placed.places.get(id);
  if (place !== undefined) {
    const own = bytes.get(id);
    // Nobody can read it by itself, although the object was uploaded.
    if (own === undefined) return false;
    assert(native !== undefined && own.length === length, `the copy of blob ${id} has another length`);
    return native.attach(tx, place, { id, bytes: own });
  }
  const fresh = made.get(id);
  if (fresh === undefined) return false;
  assert(fresh.length === length, `the copy of blob ${id} has another length`);
  await store.attach(tx, fresh);
  attached.add(fresh);
  return true;
}
