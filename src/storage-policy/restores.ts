import assert from 'node:assert/strict';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX, SECONDS_PER_DAY } from '../limits.ts';
import {
  RESTORE_PAGES_LOOKED_MAX,
  RESTORE_PASS_MS,
  RESTORE_PASS_REST_FACTOR,
  RESTORES_KNOWN_MAX,
  RESTORES_MAX,
  RESTORES_WANTED_MAX,
} from '../limits/storage-policy.ts';
import type { Ino, ObjectStore } from '../namespace/namespace.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { RecallWish } from '../tiering/segment-store.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { Passes } from './passes.ts';
import {
  decodeRestore,
  encodeRestore,
  inoOfRestoreKey,
  restoreKey,
  restoreRange,
  restoreSpeeds,
  type RestoreRow,
} from './records.ts';

/** `until`, in seconds since 1970: all of the content can be read until then. Without it the stores bring it back. */
interface RestoreStatus {
  readonly until: number | undefined;
}

/**
 * `needless`: nothing of the content has to be brought back. `begun`: that begins now. `under-way`: it did before. `renewed`: what
 * is back already stays longer.
 */
type RestoreOutcome = 'needless' | 'begun' | 'under-way' | 'renewed';

interface RestoresParts {
  readonly kv: Kv;
  readonly objects: Pick<ObjectStore, 'blobsOf'>;
  readonly tiers: Pick<Tiers, 'placesOf' | 'recall' | 'staged'>;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
  /** For readers who cannot say how. */
  readonly wish: RecallWish;
  /** Says that the step has work. */
  readonly wake: () => void;
}

/**
 * Content of files that shall be brought back from staged tiers for some days: rows of the store, carried out by a step. The content
 * stays where it is; it is the staged store that lets it be read for a while.
 */
export class Restores {
  readonly #parts: RestoresParts;
  /** How many blobs of a file, in their order, are known to be back. */
  readonly #back = new Map<Ino, number>();
  readonly #wanted = new Set<Ino>();
  readonly #passes: Passes;
  #rows = 0;

  private constructor(parts: RestoresParts) {
    this.#parts = parts;
    this.#passes = new Passes({
      clock: parts.environment.clock,
      pass: () => this.#all(),
      restMsMin: RESTORE_PASS_MS,
      restFactor: RESTORE_PASS_REST_FACTOR,
    });
  }

  static async open(parts: RestoresParts): Promise<Restores> {
    const restores = new Restores(parts);
    for await (const page of parts.kv.scan(restoreRange(), { pageEntries: PAGE_ENTRIES_MAX }))
      restores.#rows += page.length;
    return restores;
  }

  /** `undefined` where nobody asked for any, or its time is over. Costs nothing while there is none at all. */
  async statusOf(ino: Ino): Promise<RestoreStatus | undefined> {
    if (this.#rows === 0) return undefined;
    const row = await this.#rowOf(ino);
    return row === undefined || this.#isOver(row) ? undefined : { until: row.until };
  }

  /** Durable when it resolves. Fault('throttled', 'request') while there are too many. */
  async request(ino: Ino, wish: RecallWish): Promise<RestoreOutcome> {
    if (!(await this.#isStaged(ino))) return 'needless';
    if (this.#rows >= RESTORES_MAX)
      throw new Fault('throttled', 'request', `${RESTORES_MAX} restores are under way or last.`);
    const outcome = await this.#parts.kv.transact('durable', async (tx) => {
      const bytes = await tx.get(restoreKey(ino));
      const row = bytes && decodeRestore(bytes);
      const next = this.#renewed(row, wish);
      if (next.row !== undefined) tx.put(restoreKey(ino), encodeRestore(next.row));
      if (row === undefined) tx.whenCommitted(() => (this.#rows += 1));
      return next.outcome;
    });
    this.#hurry();
    return outcome;
  }

  /** Somebody waits for the content of a file, and cannot say how it is to be brought back. */
  wanted(ino: Ino): void {
    if (this.#wanted.has(ino) || this.#wanted.size >= RESTORES_WANTED_MAX) return;
    this.#wanted.add(ino);
    this.#hurry();
  }

  /** One bounded unit. */
  async step(): Promise<'busy' | 'idle'> {
    return this.#rows === 0 && this.#wanted.size === 0 ? 'idle' : this.#passes.step();
  }

  #hurry(): void {
    this.#passes.hurry();
    this.#parts.wake();
  }

  async *#all(): AsyncGenerator<undefined, void> {
    for (const ino of [...this.#wanted]) {
      this.#wanted.delete(ino);
      if ((await this.statusOf(ino)) === undefined) await this.request(ino, this.#parts.wish);
      yield;
    }
    for await (const page of this.#parts.kv.scan(restoreRange(), { pageEntries: PAGE_ENTRIES_MAX }))
      for (const { key, value } of page) yield* this.#one(inoOfRestoreKey(key), decodeRestore(value));
  }

  async *#one(ino: Ino, row: RestoreRow): AsyncGenerator<undefined, void> {
    if (this.#isOver(row)) {
      await this.#end(ino);
      yield;
    } else if (!row.isAsked) {
      yield* this.#ask(ino, row);
    } else if (row.until === undefined) {
      yield* this.#look(ino, row);
    }
  }

  /** Tells the stores of all of the content. */
  async *#ask(ino: Ino, row: RestoreRow): AsyncGenerator<undefined, void> {
    // What the store keeps is to last longer than what is promised.
    const wish = { days: row.days + 1, speed: row.speed };
    let isBack = true;
    for await (const ids of this.#parts.objects.blobsOf(ino)) {
      for (const id of ids) {
        const answer = await this.#recall(id, wish);
        // It is asked for again, from the beginning.
        if (answer === 'unavailable') return;
        isBack &&= answer === 'back';
        yield;
      }
    }
    await this.#put(ino, row, { ...row, isAsked: true, ...(isBack && this.#lasting(row)) });
  }

  /** Goes on to the first of the content that is not back. */
  async *#look(ino: Ino, row: RestoreRow): AsyncGenerator<undefined, void> {
    const known = this.#back.get(ino) ?? 0;
    let seen = 0;
    for await (const ids of this.#parts.objects.blobsOf(ino)) {
      for (const id of ids) {
        seen += 1;
        if (seen <= known) continue;
        const answer = await this.#recall(id, undefined);
        if (answer !== 'back') return;
        if (this.#back.size < RESTORES_KNOWN_MAX || this.#back.has(ino)) this.#back.set(ino, seen);
        yield;
      }
    }
    await this.#put(ino, row, { ...row, ...this.#lasting(row) });
  }

  /** What is gone for good keeps nobody waiting: whoever reads it is told. */
  async #recall(id: BlobId, wish: RecallWish | undefined): Promise<'back' | 'under-way' | 'unavailable'> {
    try {
      return (await this.#parts.tiers.recall(id, wish)) ? 'back' : 'under-way';
    } catch (failure) {
      if (!(failure instanceof Fault)) throw failure;
      if (failure.code === 'not-found' || failure.code === 'corrupt') return 'back';
      this.#parts.environment.log.warn('restore: a store does not answer', { blob: id, failure });
      return 'unavailable';
    }
  }

  /** Until the midnight after that many days. AWS User Guide, "Working with archived objects". */
  #lasting({ days, until }: RestoreRow): { readonly until: number } {
    const { seconds } = this.#parts.environment.clock.wall();
    return {
      until: until ?? Math.ceil((seconds + days * SECONDS_PER_DAY) / SECONDS_PER_DAY) * SECONDS_PER_DAY,
    };
  }

  #renewed(
    row: RestoreRow | undefined,
    wish: RecallWish,
  ): { readonly outcome: RestoreOutcome; readonly row?: RestoreRow } {
    const fresh: RestoreRow = { ...wish, isAsked: false, until: undefined };
    if (row === undefined || this.#isOver(row)) return { outcome: 'begun', row: fresh };
    if (row.until !== undefined) return { outcome: 'renewed', row: { ...fresh, ...this.#lasting(fresh) } };
    // AWS: another request may make haste.
    const isFaster = restoreSpeeds.indexOf(wish.speed) > restoreSpeeds.indexOf(row.speed);
    return isFaster ? { outcome: 'begun', row: fresh } : { outcome: 'under-way' };
  }

  #isOver({ until }: RestoreRow): boolean {
    return until !== undefined && until <= this.#parts.environment.clock.wall().seconds;
  }

  async #isStaged(ino: Ino): Promise<boolean> {
    const { objects, tiers } = this.#parts;
    if (tiers.staged.length === 0) return false;
    let pages = 0;
    for await (const ids of objects.blobsOf(ino)) {
      const places = await tiers.placesOf(ids);
      if (places.some((it) => it?.tiers[0] !== undefined && tiers.staged.includes(it.tiers[0]))) return true;
      pages += 1;
      if (pages >= RESTORE_PAGES_LOOKED_MAX) return true;
    }
    return false;
  }

  async #rowOf(ino: Ino): Promise<RestoreRow | undefined> {
    const bytes = await this.#parts.kv.get(restoreKey(ino));
    return bytes && decodeRestore(bytes);
  }

  /** Unless a request has changed it since. */
  async #put(ino: Ino, before: RestoreRow, row: RestoreRow): Promise<void> {
    await this.#parts.kv.transact('durable', async (tx) => {
      const now = await tx.get(restoreKey(ino));
      if (now !== undefined && Buffer.compare(now, encodeRestore(before)) === 0)
        tx.put(restoreKey(ino), encodeRestore(row));
    });
    if (row.until !== undefined) this.#back.delete(ino);
  }

  async #end(ino: Ino): Promise<void> {
    this.#back.delete(ino);
    await this.#parts.kv.transact('durable', async (tx) => {
      const now = await tx.get(restoreKey(ino));
      if (now === undefined || !this.#isOver(decodeRestore(now))) return;
      tx.delete(restoreKey(ino));
      tx.whenCommitted(() => {
        this.#rows -= 1;
        assert(this.#rows >= 0, 'rows that are deleted were counted');
      });
    });
  }
}
