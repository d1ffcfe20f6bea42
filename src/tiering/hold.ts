import assert from 'node:assert/strict';
import type { Environment } from '../environment.ts';
import type { Kv } from '../kv/kv.ts';
import { chunkTables } from './reduction/tables.ts';
import type { SegmentId } from './segment-store.ts';
import type { LowerTier } from './tier.ts';

interface Parts {
  readonly kv: Kv;
  readonly environment: Pick<Environment, 'log'>;
  readonly tier: LowerTier;
  /** How many must look at all that lies in the store before anything that has a row goes. */
  readonly looks: number;
}

/** Which segments newer metadata has made; known to who makes ids. */
export interface Newer {
  /** Of this store, and neither known to these rows nor made by this process. */
  readonly isNewer: (id: SegmentId) => Promise<boolean>;
  /** All that lies in the store has been looked at. */
  readonly looked: () => Promise<void>;
  /** From now on these, and all that were made before them, count as known. */
  readonly accept: (ids: readonly SegmentId[]) => Promise<void>;
}

/**
 * Keeps what lies in a lower tier while the metadata is older than that: after the restore of a backup, newer metadata may still be
 * restored, and name what these rows hold for garbage. It is a row, so that it lasts over restarts, until an operator says
 * that these rows are what counts.
 */
export class Hold {
  readonly #parts: Parts;
  #newer: Newer | undefined;
  /** The greatest that was seen of another time. */
  #greatest: SegmentId | undefined;
  #isHeld: boolean;
  #looksLeft: number;

  private constructor(parts: Parts, isHeld: boolean) {
    this.#parts = parts;
    this.#isHeld = isHeld;
    this.#looksLeft = parts.looks;
  }

  static async open(parts: Parts): Promise<Hold> {
    const row = await parts.kv.get(chunkTables(parts.tier).held);
    return new Hold(parts, row !== undefined);
  }

  get tier(): LowerTier {
    return this.#parts.tier;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether segments that have a row may go: not before somebody has looked for newer ones. */
  get allows(): boolean {
    return !this.#isHeld && this.#looksLeft === 0;
  }

  /** Before anything is asked. */
  knowBy(newer: Newer): void {
    this.#newer = newer;
  }

  /** One of those who look has seen all that lies in the store: each says so once. */
  async looked(): Promise<void> {
    if (this.#looksLeft === 1) await this.#newer?.looked();
    this.#looksLeft -= 1;
    assert(this.#looksLeft >= 0, 'more have looked than were to');
  }

  /** Of something in the store that no row names: whether it may go. What newer metadata has made begins the hold, durably. */
  async mayForget(id: SegmentId): Promise<boolean> {
    if ((await this.#newer?.isNewer(id)) === true) {
      if (this.#greatest === undefined || id > this.#greatest) this.#greatest = id;
      if (!this.#isHeld) await this.#begin(id);
    }
    return !this.#isHeld && this.#newer !== undefined;
  }

  /** These rows are what counts from now on. */
  async release(): Promise<void> {
    const { kv, environment, tier } = this.#parts;
    if (this.#greatest !== undefined) await this.#newer?.accept([this.#greatest]);
    await kv.transact('durable', async (tx) => tx.delete(chunkTables(tier).held));
    this.#isHeld = false;
    environment.log.info('content of newer metadata is given up', { tier });
  }

  async #begin(id: SegmentId): Promise<void> {
    const { kv, environment, tier } = this.#parts;
    this.#isHeld = true;
    await kv.transact('durable', async (tx) => tx.put(chunkTables(tier).held, Uint8Array.of(1)));
    environment.log.error('the metadata is older than what lies in the tier: nothing there is deleted', {
      tier,
      segment: id,
    });
  }
}
