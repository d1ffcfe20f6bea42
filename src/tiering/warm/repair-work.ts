import { Fault } from '../../fault.ts';
import {
  WARM_REPAIR_REST_MS,
  WARM_REPAIR_REST_MS_MAX,
  WARM_REPAIRS_PARALLEL_MAX,
  WARM_REPAIRS_WAITING_MAX,
  WARM_SEGMENTS_PER_STEP,
} from '../../limits/tiering.ts';
import type { StripeShape } from '../../workers/erasure.ts';
import type { SegmentId } from '../segment-store.ts';
import { mendSegment, repairSegment, type Mended } from './mend-segment.ts';
import type { PoolParts } from './pool-parts.ts';

/** Some at a time. */
async function inParallel<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  const left = [...values];
  const takeAll = async (): Promise<void> => {
    for (let value = left.shift(); value !== undefined; value = left.shift()) await work(value);
  };
  await Promise.all(Array.from({ length: WARM_REPAIRS_PARALLEL_MAX }, takeAll));
}

/** A walk over all segments. */
export interface RoundProgress {
  readonly isRunning: boolean;
  /** Segments, of the walk under way or of the last one. */
  readonly done: number;
  readonly total: number;
  /** Segments whose shards were made anew or moved. */
  readonly changed: number;
  /** Segments with shards that have no place yet; and those that too few shards are left of. */
  readonly waiting: number;
  readonly lost: number;
}

const nothingYet = { done: 0, total: 0, changed: 0, waiting: 0, lost: 0 };

/** Repairs segments that somebody has named, and walks over all of them when devices have come or gone. */
export class RepairWork {
  readonly #parts: PoolParts;
  readonly #named = new Set<SegmentId>();
  /** Could not be repaired when they were looked at. */
  readonly #resting = new Set<SegmentId>();
  #restsUntil = 0;
  #isWanted = false;
  #cursor: SegmentId | undefined;
  #isRunning = false;
  #counts = nothingYet;
  /** When those that had no place are looked for one again, and how long after that once more. */
  #again = { at: 0, restMs: WARM_REPAIR_REST_MS };
  /** With less parity than what is written now; the walk has met them, and who can write them anew takes them. */
  #weak: SegmentId[] = [];
  #isWeakIncomplete = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /** Looks at this segment soon; when too many wait, at all of them. */
  want(id: SegmentId): void {
    if (this.#named.size < WARM_REPAIRS_WAITING_MAX) this.#named.add(id);
    else this.#isWanted = true;
  }

  /** Looks at all segments; when that is under way already, once more afterwards. */
  wantAll(): void {
    this.#again = { at: 0, restMs: WARM_REPAIR_REST_MS };
    this.#isWanted = true;
  }

  /** Each is answered once in a walk. */
  takeWeak(): readonly SegmentId[] {
    const weak = this.#weak.splice(0, WARM_SEGMENTS_PER_STEP);
    if (this.#weak.length === 0 && this.#isWeakIncomplete) {
      this.#isWeakIncomplete = false;
      this.wantAll();
    }
    return weak;
  }

  progress(): RoundProgress {
    return { isRunning: this.#isRunning || this.#isWanted, ...this.#counts };
  }

  async step(): Promise<'busy' | 'idle'> {
    this.#wake();
    const named = [...this.#named].slice(0, WARM_SEGMENTS_PER_STEP);
    if (named.length > 0) {
      for (const id of named) this.#named.delete(id);
      await inParallel(named, (id) => this.#mendNamed(id));
      return 'busy';
    }
    if (!this.#isRunning) {
      if (!this.#isWanted) return 'idle';
      this.#begin();
    }
    await this.#walk();
    return 'busy';
  }

  #wake(): void {
    const now = this.#parts.environment.clock.monotonic();
    if (now < this.#restsUntil) return;
    this.#restsUntil = now + WARM_REPAIR_REST_MS;
    for (const id of this.#resting) this.want(id);
    this.#resting.clear();
    if (!this.#isRunning && this.#counts.waiting > 0 && now >= this.#again.at) {
      const restMs = Math.min(WARM_REPAIR_REST_MS_MAX, 2 * this.#again.restMs);
      this.#again = { at: now + restMs, restMs };
      this.#isWanted = true;
    }
  }

  /** Somebody has seen damage, which no length shows. */
  async #mendNamed(id: SegmentId): Promise<void> {
    const mended = await this.#outcome(mendSegment(this.#parts, id));
    const isOpen = mended === 'unknown' || (mended !== undefined && mended.missing > 0);
    if (isOpen && this.#resting.size < WARM_REPAIRS_WAITING_MAX) this.#resting.add(id);
  }

  #begin(): void {
    this.#isWanted = false;
    this.#isRunning = true;
    this.#cursor = undefined;
    this.#weak = [];
    this.#isWeakIncomplete = false;
    this.#counts = { ...nothingYet, total: this.#parts.stripes.count };
  }

  async #walk(): Promise<void> {
    const page = await this.#parts.stripes.some(this.#cursor, WARM_SEGMENTS_PER_STEP);
    await inParallel(page, async ({ id, stripe }) => {
      this.#noteWeak(id, stripe.shape);
      this.#count(await this.#outcome(repairSegment(this.#parts, id)));
    });
    this.#cursor = page.at(-1)?.id;
    if (page.length === 0) this.#isRunning = false;
  }

  #noteWeak(id: SegmentId, { parity }: StripeShape): void {
    if (parity >= (this.#parts.members.shape()?.parity ?? 0)) return;
    if (this.#weak.length < WARM_REPAIRS_WAITING_MAX) this.#weak.push(id);
    else this.#isWeakIncomplete = true;
  }

  #count(mended: Mended | undefined | 'unknown'): void {
    const { done, total, changed, waiting, lost } = this.#counts;
    const isKnown = mended !== 'unknown' && mended !== undefined;
    this.#counts = {
      done: done + 1,
      total: Math.max(total, done + 1),
      changed: changed + (isKnown && mended.moved > 0 ? 1 : 0),
      waiting: waiting + (mended === 'unknown' || (isKnown && mended.isWhole && mended.missing > 0) ? 1 : 0),
      lost: lost + (isKnown && !mended.isWhole ? 1 : 0),
    };
  }

  async #outcome(mending: Promise<Mended | undefined>): Promise<Mended | undefined | 'unknown'> {
    try {
      return await mending;
    } catch (cause) {
      // Devices that do not answer now: the walk that begins when they do again comes here, too.
      if (cause instanceof Fault && cause.code === 'unavailable' && cause.subject === 'store')
        return 'unknown';
      throw cause;
    }
  }
}
