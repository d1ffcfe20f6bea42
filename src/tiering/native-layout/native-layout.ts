import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import {
  NATIVE_CHANGED_TOLD_MAX,
  NATIVE_KEY_BYTES_MAX,
  NATIVE_OBJECT_BYTES_MAX,
  NATIVE_SMALL_BYTES_MAX,
  NATIVE_UPLOADS_MAX,
} from '../../limits/tiering.ts';
import { atMost } from '../at-most.ts';
import type { BlobId } from '../blobs.ts';
import { keyBelow, ownFolders } from '../cold/cold-place.ts';
import type { BlobCopies } from '../copies.ts';
import type { Nameless, ShownBlob, WholeObject } from '../whole-objects.ts';
import { adoptPacked } from './adopt-packed.ts';
import { attachCopy, type NativePlace } from './attach-copy.ts';
import { giveUpObject, isAsUploaded, unconfirmed } from './confirm-places.ts';
import type { NativeParts } from './native-parts.ts';
import { decodeNative, nativeKey, type NativeRow } from './native-records.ts';
import { putObject, type PutOutcome } from './put-object.ts';

/** What has become of the blobs of a batch; those that are in none of the two are to be packed. */
export interface Placed {
  readonly places: ReadonlyMap<BlobId, NativePlace>;
  /** Of those, in objects that were there before: to be confirmed with their bytes before they get a copy there. */
  readonly unconfirmed: ReadonlySet<BlobId>;
  /** They stay where they are: their object has changed meanwhile, or somebody else has something under its key. */
  readonly staying: ReadonlySet<BlobId>;
  /** Why some must stay, where an operator has to know. */
  readonly failure: Fault | undefined;
  /** From now on what nobody needs may be deleted; to be called in the end. */
  readonly done: () => void;
}

/** Why content is packed although objects are to lie under their own keys. */
export type PackedBecause = Nameless | 'unsealed' | 'refused';

/**
 * Objects in the cold store one to one, each under `PREFIX/BUCKET/KEY` (ADR 34). An upload is a row before it begins; only when it
 * was read back do blobs get copies in it, which are foreign rows. What others write there is neither replaced nor deleted.
 */
export class NativeLayout {
  readonly #parts: NativeParts;
  /** Keys that the store would not take when they were tried last, as far as they are told. */
  readonly #refused = new Set<string>();

  constructor(parts: NativeParts) {
    this.#parts = parts;
  }

  get isWanted(): boolean {
    return this.#parts.store.isWanted;
  }

  /** Uploads the objects that show these blobs, but for those that are there. Faults of the store and of the other tiers. */
  async place(blobs: readonly BlobCopies[]): Promise<Placed> {
    const shown = await this.#parts.wholes.shown(blobs);
    const objects = this.#objectsOf(blobs, shown);
    const release = await this.#parts.locks.take(objects.keys());
    const places = new Map<BlobId, NativePlace>();
    const known = new Set<BlobId>();
    const staying = new Set<BlobId>();
    let failure: Fault | undefined;
    const placeOne = async ([key, { object, found }]: [string, Found]): Promise<void> => {
      const there = await this.#unlessRefused(key, this.#known(key, object));
      const outcome = there ?? (await this.#unlessRefused(key, this.#put(key, object)));
      if (outcome === 'packed') return;
      if (typeof outcome === 'object' && !(outcome instanceof Fault)) {
        for (const { id, offset } of found) places.set(id, { object, key, row: outcome, offset });
        if (there !== undefined) for (const { id } of found) known.add(id);
        return;
      }
      for (const { id } of found) staying.add(id);
      if (outcome instanceof Fault) failure ??= outcome;
      if (outcome === 'changed-outside') failure ??= refusalOf(key);
    };
    try {
      const isSmall = ([, { object }]: [string, Found]): boolean => object.length <= NATIVE_SMALL_BYTES_MAX;
      await atMost(NATIVE_UPLOADS_MAX, [...objects].filter(isSmall), placeOne);
      await atMost(
        1,
        [...objects].filter((it) => !isSmall(it)),
        placeOne,
      );
    } catch (cause) {
      release();
      throw cause;
    }
    return { places, unconfirmed: known, staying, failure, done: release };
  }

  /** What of it holds for blobs with these bytes, once those in objects that were there before were read back. Faults of the store. */
  async confirm(placed: Placed, bytes: ReadonlyMap<BlobId, Uint8Array>): Promise<Placed> {
    const places = new Map([...placed.places].filter(([id]) => placed.unconfirmed.has(id)));
    const { ids, changed, failure } = await unconfirmed(this.#parts, places, bytes);
    const [key] = changed;
    return {
      ...placed,
      places: new Map([...placed.places].filter(([id]) => !ids.has(id))),
      unconfirmed: new Set(),
      staying: new Set([...placed.staying, ...ids]),
      failure: placed.failure ?? (key === undefined ? failure : refusalOf(key)),
    };
  }

  /** See `attachCopy`. */
  attach(
    tx: KvTransaction,
    place: NativePlace,
    blob: { readonly id: BlobId; readonly bytes: Uint8Array },
  ): Promise<boolean> {
    return attachCopy(this.#parts, tx, place, blob);
  }

  /** Why the object of a blob cannot lie under its own key; `undefined`: it can, as it is now. */
  async packedBecause(blob: {
    readonly id: BlobId;
    readonly length: number;
  }): Promise<PackedBecause | undefined> {
    const [shown = 'gone'] = await this.#parts.wholes.shown([blob]);
    if (typeof shown === 'string') return shown;
    if (shown.object.length > NATIVE_OBJECT_BYTES_MAX) return 'too-long';
    const key = this.#keyOf(shown.object);
    if (key === undefined) return 'name';
    if (this.#refused.has(key)) return 'refused';
    return shown.object.isSealed && !this.#parts.store.seals() ? 'unsealed' : undefined;
  }

  #objectsOf(
    blobs: readonly BlobCopies[],
    shown: readonly (ShownBlob | Nameless)[],
  ): ReadonlyMap<string, Found> {
    const objects = new Map<string, Found>();
    for (const [index, { id }] of blobs.entries()) {
      const it = shown[index];
      if (it === undefined || typeof it === 'string') continue;
      const key = this.#keyOf(it.object);
      if (key === undefined) continue;
      const known = objects.get(key);
      if (known === undefined) objects.set(key, { object: it.object, found: [{ id, offset: it.offset }] });
      else if (known.object.state === it.object.state) known.found.push({ id, offset: it.offset });
    }
    return objects;
  }

  /** `undefined`: it has none there. */
  #keyOf({ bucket, key, length }: WholeObject): string | undefined {
    const whole = keyBelow(this.#parts.store.place, `${bucket}/${key}`);
    const isFit = length <= NATIVE_OBJECT_BYTES_MAX && Buffer.byteLength(whole) <= NATIVE_KEY_BYTES_MAX;
    return isFit && !ownFolders.has(bucket) ? whole : undefined;
  }

  /** `undefined`: it was not uploaded yet. */
  async #known(key: string, object: WholeObject): Promise<NativeRow | 'changed-outside' | undefined> {
    const known = await this.#parts.kv.get(nativeKey(key));
    const row = known && decodeNative(known);
    if (row === undefined || !isThere(row, object)) return undefined;
    if (await isAsUploaded(this.#parts, key, row)) return row;
    await giveUpObject(this.#parts, key, row);
    return 'changed-outside';
  }

  /** A store may refuse one key, for what it is, and take all others. */
  async #unlessRefused<Outcome>(key: string, outcome: Promise<Outcome>): Promise<Outcome | 'packed'> {
    try {
      const known = await outcome;
      this.#refused.delete(key);
      return known;
    } catch (failure) {
      const isRefusal =
        failure instanceof Fault && failure.code === 'invalid-argument' && failure.subject === 'request';
      if (!isRefusal) throw failure;
      if (this.#refused.size < NATIVE_CHANGED_TOLD_MAX) this.#refused.add(key);
      this.#parts.environment.log.warn('the cold store refuses a key: its object is packed', {
        key,
        failure,
      });
      return 'packed';
    }
  }

  async #put(key: string, object: WholeObject): Promise<PutOutcome> {
    const { changed } = this.#parts;
    const made = await putObject(this.#parts, key, object);
    if (made === 'changed-outside') changed.add(key);
    if (typeof made !== 'object' || made instanceof Fault) return made;
    changed.delete(key);
    await adoptPacked(this.#parts, { object, key, row: made });
    return made;
  }
}

interface Found {
  readonly object: WholeObject;
  readonly found: { readonly id: BlobId; readonly offset: number }[];
}

const isThere = ({ state, file, fileState }: NativeRow, object: WholeObject): boolean =>
  state === 'here' && file === object.file && fileState === object.state;

const refusalOf = (key: string): Fault =>
  new Fault(
    'conflict',
    'store',
    `${key} in the cold store was put there, or changed, by somebody else: it is left as it is, and the content stays where it is. Move what is there away, or rename the object here.`,
  );
