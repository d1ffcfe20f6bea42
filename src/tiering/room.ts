import type { Clock } from '../environment.ts';
import { Fault } from '../fault.ts';
import { CONTENT_BLOB_BYTES_MAX } from '../limits.ts';
import {
  CRITICAL_PAUSE_MS,
  MIGRATION_BATCH_BYTES_MAX,
  ROOM_PATIENCE_MS,
  ROOM_POLL_MS,
  ROOM_WAIT_MS_MAX,
  ROOM_WAITERS_MAX,
} from '../limits/tiering.ts';
import type { Evicted } from './eviction.ts';
import { bytesToFree, flashModeOf, type FillFacts } from './fill-level.ts';
import type { FlashMode } from './tiers.ts';

interface Parts {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly facts: () => FillFacts;
  readonly evict: (bytesMin: number) => Promise<Evicted>;
  /** Frees the space of garbage; false when there is none. */
  readonly collect: () => Promise<boolean>;
  /** Says that `step` has work. */
  readonly wake: () => void;
}

/**
 * Keeps the hot tier between its marks and lets writers in accordingly: below the critical share at once, above it slowly, and
 * where there is no room when eviction has made some. Nothing is dropped that has no other copy.
 */
export class Room {
  readonly #parts: Parts;
  /** Above the high mark, until the low one is reached. */
  #isEvicting = false;
  #evicting: Promise<Evicted> | undefined;
  #waiters = 0;
  /** Of writers that were let in and have not taken their space yet. */
  #bytesComing = 0;
  /** Somebody has waited for as long as it makes sense, and nothing has become free since. */
  #isFull = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** As a writer of one blob of content finds it. */
  mode(): FlashMode {
    return flashModeOf(this.#parts.facts(), CONTENT_BLOB_BYTES_MAX);
  }

  /** One round of eviction, where it is time for it. A tier that does not answer makes it fail, so that it is seen. */
  async step(): Promise<'busy' | 'idle'> {
    const wanted = bytesToFree(this.#parts.facts(), this.#isEvicting);
    this.#isEvicting = wanted > 0;
    if (!this.#isEvicting) return 'idle';
    const { bytes, fault } = await this.#evict(wanted);
    if (bytes > 0) return 'busy';
    this.#isEvicting = false;
    if (fault !== undefined && fault.code !== 'no-space') throw fault;
    return 'idle';
  }

  /**
   * Runs `write`, which takes `length` bytes of the hot tier, when there is room for them. Fault('no-space', 'blob') when
   * nothing can make room; the fault of a lower tier that does not answer now; 'throttled' when it takes too long, or too
   * many wait.
   */
  async admit<T>(length: number, write: () => Promise<T>): Promise<T> {
    const { facts, clock, wake } = this.#parts;
    const now = facts();
    if (bytesToFree(now, false) > 0) wake();
    if (flashModeOf(now, length) === 'critical') await clock.sleep(CRITICAL_PAUSE_MS);
    if (!this.#take(length)) await this.#waitInLine(length);
    try {
      return await write();
    } finally {
      this.#bytesComing -= length;
    }
  }

  /** Whether there is room; then it is taken at once, before anybody else can see it. */
  #take(length: number): boolean {
    if (this.#parts.facts().bytesFree - this.#bytesComing < length) return false;
    this.#bytesComing += length;
    this.#isFull = false;
    return true;
  }

  async #waitInLine(length: number): Promise<void> {
    if (this.#waiters >= ROOM_WAITERS_MAX) {
      throw new Fault('throttled', 'blob', `${ROOM_WAITERS_MAX} writers wait for room`);
    }
    this.#waiters += 1;
    try {
      await this.#waitFor(length);
    } finally {
      this.#waiters -= 1;
    }
  }

  async #waitFor(length: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + ROOM_WAIT_MS_MAX;
    let inVainSince: number | undefined;
    while (!this.#take(length)) {
      const { bytes, fault } = await this.#evict(Math.max(length, MIGRATION_BATCH_BYTES_MAX));
      if (this.#take(length)) return;
      const now = clock.monotonic();
      if (bytes > 0) this.#isFull = false;
      inVainSince = bytes > 0 ? undefined : (inVainSince ?? now);
      // What was given up may be read for a moment yet, and what has come may not be in a row yet: a round is not enough.
      if (inVainSince !== undefined && (this.#isFull || now - inVainSince >= ROOM_PATIENCE_MS)) {
        this.#isFull = true;
        throw fault ?? noRoom(length);
      }
      if (now >= until) throw new Fault('throttled', 'blob', 'the hot tier is full');
      await clock.sleep(ROOM_POLL_MS);
    }
  }

  /** Rounds are shared: who comes while one is under way waits for it. */
  #evict(bytesMin: number): Promise<Evicted> {
    this.#evicting ??= this.#round(bytesMin).finally(() => (this.#evicting = undefined));
    return this.#evicting;
  }

  async #round(bytesMin: number): Promise<Evicted> {
    const { collect, facts, evict } = this.#parts;
    const before = facts().bytesFree;
    await collect();
    const collected = facts().bytesFree - before;
    return collected > 0 ? { bytes: collected } : evict(bytesMin);
  }
}

const noRoom = (length: number): Fault =>
  new Fault('no-space', 'blob', `${length} bytes wanted, and no tier has room`);
