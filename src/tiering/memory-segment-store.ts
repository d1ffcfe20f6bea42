import assert from 'node:assert/strict';
import type { Clock, Random } from '../environment.ts';
import { Fault } from '../fault.ts';
import { SEGMENTS_LISTED_MAX } from '../limits/tiering.ts';
import type { StripeShape } from '../workers/erasure.ts';
import type { Packed } from '../workers/reduction.ts';
import { packedImage } from './packed-image.ts';
import type { SegmentHealth, SegmentId, SegmentStore, StoreTraits } from './segment-store.ts';
import type { LowerTier } from './tier.ts';

export type SegmentOperation = 'put' | 'read' | 'delete' | 'list' | 'scrub' | 'recall';
/** `lost-answer`: it was done, and whoever asked hears Fault('unavailable', 'store'). The others: it was not done. */
export type SegmentFailure = 'unavailable' | 'throttled' | 'no-space' | 'lost-answer';

export interface MemorySegmentOptions {
  readonly tier?: LowerTier;
  readonly shape?: StripeShape;
  readonly imageBytesMax?: number;
  /** Of images; more is Fault('no-space', 'store'). */
  readonly bytesMax?: number;
  /** For a staged store: how long a segment takes to come back, and by which clock. */
  readonly staged?: { readonly clock: Clock; readonly recallMs: number };
  /** How long an operation takes, before it has its effect and again before it answers. A turn of the loop unless given. */
  readonly delay?: (operation: SegmentOperation) => Promise<void>;
}

interface Kept {
  readonly written: Uint8Array;
  /** Where it lies; differs from `written` once it was damaged. */
  lying: Uint8Array;
  readonly shape: StripeShape;
  isAcknowledged: boolean;
}

/** The segment store in memory that misbehaves as others may: for tests of what is above it and for simulations. */
export class MemorySegmentStore implements SegmentStore {
  readonly #options: MemorySegmentOptions;
  readonly #kept = new Map<SegmentId, Kept>();
  /** What was deleted once must not be put again. */
  readonly #used = new Set<SegmentId>();
  /** Answered as weak since the shape has changed. */
  readonly #told = new Set<SegmentId>();
  readonly #recalledAt = new Map<SegmentId, number>();
  #shape: StripeShape;
  #failing:
    ((operation: SegmentOperation, id: SegmentId | undefined) => SegmentFailure | undefined) | undefined;
  #isClosed = false;
  /** Counts crashes: what the process before a crash had under way has no effect after it. */
  #life = 0;

  constructor(options: MemorySegmentOptions = {}) {
    this.#options = options;
    this.#shape = options.shape ?? { data: 4, parity: 2 };
  }

  get traits(): StoreTraits {
    const { tier = 'warm', imageBytesMax = 2 << 20, staged } = this.#options;
    const access = staged === undefined ? 'immediate' : 'staged';
    return { tier, shape: this.#shape, access, imageBytesMax };
  }

  put(id: SegmentId, packed: Packed): Promise<void> {
    assert(/^[0-9a-f]{32}$/.test(id), `id ${id}`);
    const { header, data } = packedImage(packed);
    const image = Buffer.concat(data);
    return this.#serve('put', id, () => {
      const before = this.#kept.get(id);
      if (before !== undefined) {
        assert(Buffer.compare(before.written, image) === 0, `other bytes for segment ${id}`);
        return;
      }
      assert(!this.#used.has(id), `segment ${id} was deleted: its id must not be used again`);
      if (this.usage().bytesFree < image.length) throw new Fault('no-space', 'store', 'the store is full');
      this.#used.add(id);
      const lying = Uint8Array.from(image);
      this.#kept.set(id, { written: image, lying, shape: header.shape, isAcknowledged: false });
    });
  }

  read(id: SegmentId, offset: number, length: number): Promise<Uint8Array> {
    return this.#serve('read', id, () => {
      const kept = this.#present(id);
      if (!this.#isHere(id))
        throw new Fault('recall-pending', 'store', `segment ${id} must be recalled first`);
      assert(offset >= 0 && offset + length <= kept.lying.length, `range ${offset}+${length}`);
      return kept.lying.slice(offset, offset + length);
    });
  }

  imageBytes(id: SegmentId): Promise<number> {
    return this.#serve('read', id, () => this.#present(id).lying.length);
  }

  delete(id: SegmentId): Promise<void> {
    return this.#serve('delete', id, () => {
      this.#kept.delete(id);
      this.#recalledAt.delete(id);
    });
  }

  async *list(after?: SegmentId): AsyncGenerator<readonly SegmentId[]> {
    for (let last = after; ;) {
      const page = await this.#serve('list', undefined, () =>
        [...this.#kept.keys()]
          .filter((id) => last === undefined || id > last)
          .sort()
          .slice(0, SEGMENTS_LISTED_MAX),
      );
      if (page.length === 0) return;
      yield page;
      last = page.at(-1);
    }
  }

  /** Heals as many damaged shards as the segment has parity. */
  scrub(id: SegmentId): Promise<SegmentHealth> {
    return this.#serve('scrub', id, () => {
      const kept = this.#present(id);
      const checked = kept.shape.data + kept.shape.parity;
      const corrupt = damagedShards(kept);
      const isWhole = corrupt <= kept.shape.parity;
      if (isWhole) kept.lying = Uint8Array.from(kept.written);
      return { checked, corrupt, healed: isWhole ? corrupt : 0, isWhole };
    });
  }

  weak(): readonly SegmentId[] {
    const isNew = (id: SegmentId, { shape }: Kept): boolean =>
      shape.parity < this.#shape.parity && !this.#told.has(id);
    const weak = [...this.#kept].filter(([id, kept]) => isNew(id, kept)).map(([id]) => id);
    for (const id of weak) this.#told.add(id);
    return weak;
  }

  recall(id: SegmentId): Promise<boolean> {
    return this.#serve('recall', id, () => {
      this.#present(id);
      const { staged } = this.#options;
      if (staged === undefined) return true;
      if (!this.#recalledAt.has(id)) this.#recalledAt.set(id, staged.clock.monotonic() + staged.recallMs);
      return this.#isHere(id);
    });
  }

  usage(): { readonly bytesTotal: number; readonly bytesFree: number } {
    const bytesTotal = this.#options.bytesMax ?? Infinity;
    return { bytesTotal, bytesFree: bytesTotal - this.bytesUsed() };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** Of all images. */
  bytesUsed(): number {
    return [...this.#kept.values()].reduce((sum, { lying }) => sum + lying.length, 0);
  }

  /** All that are there now, ascending. */
  ids(): readonly SegmentId[] {
    return [...this.#kept.keys()].sort();
  }

  /** How segments must be encoded from now on. */
  reshape(shape: StripeShape): void {
    this.#shape = shape;
    this.#told.clear();
  }

  /** The process dies: what was not acknowledged is there or not, all of it, as `random` says. Usable again afterwards. */
  crash(random: Random): void {
    for (const [id, kept] of this.#kept) {
      if (!kept.isAcknowledged && random.below(2) === 0) this.#kept.delete(id);
      else kept.isAcknowledged = true;
    }
    this.#isClosed = false;
    this.#life++;
  }

  /** Flips one bit where the segment lies; `read` does not notice. */
  corrupt(id: SegmentId, offset: number): void {
    const kept = this.#present(id);
    assert(offset < kept.lying.length, `offset ${offset}`);
    kept.lying[offset]! ^= 1;
  }

  /** Takes a segment away, as broken stores do. */
  lose(id: SegmentId): void {
    assert(this.#kept.delete(id), `no segment ${id}`);
  }

  /** From now on operations fail as `decide` says; `undefined` ends it. */
  failWhen(
    decide:
      ((operation: SegmentOperation, id: SegmentId | undefined) => SegmentFailure | undefined) | undefined,
  ): void {
    this.#failing = decide;
  }

  async #serve<T>(operation: SegmentOperation, id: SegmentId | undefined, effect: () => T): Promise<T> {
    const { delay = () => Promise.resolve() } = this.#options;
    const life = this.#life;
    await delay(operation);
    this.#requireLife(life, operation);
    const failure = this.#failing?.(operation, id);
    if (failure !== undefined && failure !== 'lost-answer') {
      throw new Fault(failure, 'store', `${operation} failed`);
    }
    const result = effect();
    await delay(operation);
    this.#requireLife(life, operation);
    if (failure !== undefined) throw new Fault('unavailable', 'store', `the answer to ${operation} was lost`);
    // In the turn of the answer: a crash either sees that it was acknowledged, or keeps it from being.
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (operation === 'put' && kept !== undefined) kept.isAcknowledged = true;
    return result;
  }

  #requireLife(life: number, operation: SegmentOperation): void {
    if (life !== this.#life) throw new Fault('unavailable', 'store', `power was lost during ${operation}`);
    if (this.#isClosed) throw new Fault('unavailable', 'store', 'the store is closed');
  }

  #present(id: SegmentId): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new Fault('not-found', 'store', `there is no segment ${id}`);
    return kept;
  }

  #isHere(id: SegmentId): boolean {
    const { staged } = this.#options;
    if (staged === undefined) return true;
    return staged.clock.monotonic() >= (this.#recalledAt.get(id) ?? Infinity);
  }
}

function damagedShards({ lying, written, shape }: Kept): number {
  const shardBytes = written.length / shape.data;
  const isDamaged = (index: number): boolean => {
    const from = index * shardBytes;
    const to = from + shardBytes;
    return Buffer.compare(lying.subarray(from, to), written.subarray(from, to)) !== 0;
  };
  return Array.from({ length: shape.data }, (_, index) => index).filter(isDamaged).length;
}
