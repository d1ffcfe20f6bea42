import assert from 'node:assert/strict';
import type { Environment, MonotonicMs } from '../environment.ts';
import { Fault } from '../fault.ts';
import {
  MIGRATION_ATTEMPTS_MAX,
  MIGRATION_BATCH_BLOBS_MAX,
  MIGRATION_BATCH_BYTES_MAX,
  MIGRATION_BLOBS_MAX,
  MIGRATION_ERROR_CHARS_MAX,
  MIGRATION_PAUSE_MS_MAX,
  MIGRATIONS_QUEUED_MAX,
  MOVED_BLOB_BYTES_MAX,
  POLICY_ID_CHARS_MAX,
  RECALL_POLL_MS,
} from '../limits/tiering.ts';
import type { BlobUsage } from './blobs.ts';
import type { BlobCopies } from './copies.ts';
import { hasRoomFor } from './fill-level.ts';
import type { BegunMigration, MigrationLog } from './migration-log.ts';
import type { MigrationCounts, MigrationProgress } from './migration-records.ts';
import { moveBatch } from './move-batch.ts';
import type { MovedBatch, MoveParts } from './moving.ts';
import type { Pace } from './pace.ts';
import { tiers, type LowerTier, type Tier } from './tier.ts';
import type { MigrationOrder, MigrationRecord, MigrationTotals } from './tiers.ts';

/** A migration in memory: what its rows say, and who waits for it. */
interface Migration {
  readonly id: number;
  readonly order: MigrationOrder;
  readonly begunAt: MonotonicMs;
  progress: MigrationProgress;
  /** Waits when content must be recalled first, which may take hours. */
  readonly isPatient: boolean;
  notBefore: number;
  /** Why some of its blobs stay where they are. */
  failure: Fault | undefined;
}

/** How a migration has ended. */
export interface EndedMigration {
  readonly record: MigrationRecord;
  /** Why it failed. */
  readonly fault?: Fault;
}

interface Waiter {
  readonly resolve: (ended: EndedMigration) => void;
  readonly reject: (fault: Fault) => void;
}

interface Parts {
  readonly environment: Environment;
  readonly log: MigrationLog;
  readonly move: MoveParts;
  readonly pace: Pace;
  readonly present: readonly Tier[];
  /** Space of a lower tier. */
  readonly usageOf: (tier: LowerTier) => BlobUsage;
  readonly nextId: () => number;
  /** Says that `step` has work. */
  readonly wake: () => void;
}

const stopping = (): Fault => new Fault('unavailable', 'blob', 'the gateway stops');

const INTENT = { state: 'intent', blobsDone: 0, blobsMoved: 0, bytesMoved: 0 } as const;

/**
 * Moves blobs between tiers, a batch at a time. Every state is a row (migration-records.ts); each batch is switched by one
 * commit, so that a crash leaves blobs before or after their move, never between.
 */
export class Migrations {
  readonly #parts: Parts;
  readonly #queue: Migration[] = [];
  readonly #waiting = new Map<number, Waiter>();
  #counts: MigrationCounts;
  #running = 0;
  #isBrokenOff = false;

  private constructor(parts: Parts, counts: MigrationCounts) {
    this.#parts = parts;
    this.#counts = counts;
  }

  /** With what the last process has left unfinished at the head of the queue. */
  static async open(parts: Parts): Promise<Migrations> {
    const migrations = new Migrations(parts, await parts.log.counts());
    for (const begun of await parts.log.begun()) migrations.#queue.push(migrations.#started(begun, true));
    return migrations;
  }

  /**
   * Queues it; resolves when it has ended. Fault('throttled', 'blob') when too many wait; Fault('unavailable', 'blob') when this
   * process stops first: the next one goes on with it.
   */
  async migrate(order: MigrationOrder): Promise<MigrationRecord> {
    if (this.#queue.length >= MIGRATIONS_QUEUED_MAX) {
      throw new Fault('throttled', 'blob', `${MIGRATIONS_QUEUED_MAX} migrations wait already`);
    }
    const migration = await this.#begin(order, true);
    if (this.#isBrokenOff) throw stopping();
    const ended = new Promise<EndedMigration>((resolve, reject) =>
      this.#waiting.set(migration.id, { resolve, reject }),
    );
    this.#queue.push(migration);
    this.#parts.wake();
    return (await ended).record;
  }

  /** Nobody carries out what is queued any more: who waits for it hears so. */
  breakOff(): void {
    this.#isBrokenOff = true;
    for (const { reject } of this.#waiting.values()) reject(stopping());
    this.#waiting.clear();
  }

  /** Runs it now, past the queue and its pace: somebody waits for the room that it makes, or for the copy. */
  async run(order: MigrationOrder): Promise<EndedMigration> {
    const migration = await this.#begin(order, false);
    for (;;) {
      const ended = await this.#advance(migration);
      if (ended !== undefined) return ended;
    }
  }

  /** One batch of the first that may go on. */
  async step(): Promise<'busy' | 'idle'> {
    const { pace, environment } = this.#parts;
    const now = environment.clock.monotonic();
    const index = this.#queue.findIndex(({ notBefore }) => notBefore <= now);
    const migration = this.#queue[index];
    if (migration === undefined) return 'idle';
    const waitMs = pace.waitMs();
    if (waitMs > 0) {
      await environment.clock.sleep(Math.min(waitMs, MIGRATION_PAUSE_MS_MAX));
      return 'busy';
    }
    const bytesBefore = migration.progress.bytesMoved;
    const ended = await this.#advance(migration);
    pace.spend(migration.progress.bytesMoved - bytesBefore);
    if (ended === undefined) return 'busy';
    this.#queue.splice(this.#queue.indexOf(migration), 1);
    this.#waiting.get(migration.id)?.resolve(ended);
    this.#waiting.delete(migration.id);
    return 'busy';
  }

  history(policy: string | undefined): Promise<readonly MigrationRecord[]> {
    return this.#parts.log.history(policy);
  }

  totals(): MigrationTotals {
    return { ...this.#counts, queued: this.#queue.length, running: this.#running };
  }

  async #begin(given: MigrationOrder, isPatient: boolean): Promise<Migration> {
    const { environment, log, nextId, present } = this.#parts;
    const order = { ...given, blobs: [...new Set(given.blobs)] };
    assert(order.blobs.length <= MIGRATION_BLOBS_MAX, `a migration of ${order.blobs.length} blobs`);
    if (!present.includes(order.to)) {
      throw new Fault('invalid-argument', 'store', `There is no ${order.to} tier.`);
    }
    if ((order.policy ?? '').length > POLICY_ID_CHARS_MAX) {
      throw new Fault(
        'invalid-argument',
        'policy',
        `a policy of more than ${POLICY_ID_CHARS_MAX} characters`,
      );
    }
    const startedAt = environment.clock.wall().seconds;
    const progress = { ...INTENT, bytesFrom: tiers.map(() => 0), startedAt };
    const begun = { id: nextId(), order, progress };
    await log.begin(begun);
    return this.#started(begun, isPatient);
  }

  #started(begun: BegunMigration, isPatient: boolean): Migration {
    return {
      ...begun,
      begunAt: this.#parts.environment.clock.monotonic(),
      isPatient,
      notBefore: 0,
      failure: undefined,
    };
  }

  /** One batch; how it has ended when that was the last one. Only faults are ends: after anything else nobody knows. */
  async #advance(migration: Migration): Promise<EndedMigration | undefined> {
    this.#running += 1;
    try {
      await this.#batch(migration);
      const isOver = migration.progress.blobsDone === migration.order.blobs.length;
      return isOver ? await this.#end(migration, migration.failure) : undefined;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      if (cause.code === 'recall-pending' && migration.isPatient) {
        await this.#recall(migration);
        return undefined;
      }
      return await this.#end(migration, cause);
    } finally {
      this.#running -= 1;
    }
  }

  async #batch(migration: Migration): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#tryBatch(migration);
      } catch (cause) {
        const isOvertaken = cause instanceof Fault && cause.code === 'conflict';
        if (!isOvertaken || attempt === MIGRATION_ATTEMPTS_MAX) throw cause;
      }
    }
  }

  async #tryBatch(migration: Migration): Promise<void> {
    const { move, log } = this.#parts;
    const { id, order } = migration;
    const { blobs, blobsDone } = await this.#nextBatch(migration);
    if (blobs.length === 0) {
      migration.progress = { ...migration.progress, state: 'switched', blobsDone };
      return log.note(id, migration.progress);
    }
    this.#requireRoom(blobs, order.to);
    let next = migration.progress;
    const { failure } = await moveBatch(move, {
      to: order.to,
      blobs,
      note: (state) => {
        migration.progress = { ...migration.progress, state };
        return log.note(id, migration.progress);
      },
      switched: (tx, moved) => {
        next = { ...added(migration.progress, moved), state: 'switched', blobsDone };
        log.noteIn(tx, id, next);
      },
    });
    migration.progress = next;
    migration.failure ??= failure;
  }

  /** A tier that is full is not copied to: it would refuse in the middle, and could not keep itself in order. */
  #requireRoom(blobs: readonly BlobCopies[], to: Tier): void {
    if (to === 'hot') return;
    const missing = blobs.filter(({ lower }) => !lower.includes(to));
    const bytes = missing.reduce((sum, { length }) => sum + length, 0);
    if (bytes === 0 || hasRoomFor(this.#parts.usageOf(to), bytes)) return;
    throw new Fault('no-space', 'store', `the ${to} tier is full`);
  }

  /** What of the next blobs has to move, and how far the order is done after that. */
  async #nextBatch({ order, progress }: Migration): Promise<{
    readonly blobs: readonly BlobCopies[];
    readonly blobsDone: number;
  }> {
    const { copies } = this.#parts.move;
    const first = progress.blobsDone;
    const ids = order.blobs.slice(first, first + MIGRATION_BATCH_BLOBS_MAX);
    const blobs: BlobCopies[] = [];
    let bytes = 0;
    for (const [index, blob] of (await copies.of(copies.kv, ids)).entries()) {
      if (blob === undefined || blob.length > MOVED_BLOB_BYTES_MAX || isThere(blob, order.to)) continue;
      if (blobs.length > 0 && bytes + blob.length > MIGRATION_BATCH_BYTES_MAX) {
        return { blobs, blobsDone: first + index };
      }
      blobs.push(blob);
      bytes += blob.length;
    }
    return { blobs, blobsDone: first + ids.length };
  }

  /** Begins to bring back what its next batch reads; it goes on later. */
  async #recall(migration: Migration): Promise<void> {
    const { copies } = this.#parts.move;
    const { blobs } = await this.#nextBatch(migration);
    for (const { id, hot, lower } of blobs) {
      const [warmest] = hot === undefined ? lower : [];
      const store = warmest && copies.lower.of(warmest);
      await store?.recall(id);
    }
    migration.notBefore = this.#parts.environment.clock.monotonic() + RECALL_POLL_MS;
  }

  async #end(migration: Migration, fault: Fault | undefined): Promise<EndedMigration> {
    const { id, order, begunAt, progress } = migration;
    const { clock } = this.#parts.environment;
    const record: MigrationRecord = {
      ...{ id, to: order.to, trigger: order.trigger, startedAt: progress.startedAt },
      from: sourceOf(progress) ?? order.to,
      ...(order.policy !== undefined && { policy: order.policy }),
      ...{ blobs: progress.blobsMoved, bytes: progress.bytesMoved },
      milliseconds: Math.round(clock.monotonic() - begunAt),
      outcome: fault === undefined ? 'completed' : 'failed',
      ...(fault !== undefined && { error: fault.message.slice(0, MIGRATION_ERROR_CHARS_MAX) }),
    };
    this.#counts = await this.#parts.log.end(record);
    return { record, ...(fault !== undefined && { fault }) };
  }
}

/** Nothing is left to do: it has a copy there, and none in a warmer tier. */
function isThere({ hot, lower }: BlobCopies, to: Tier): boolean {
  const warmest: Tier | undefined = hot === undefined ? lower[0] : 'hot';
  return warmest === to;
}

function added(progress: MigrationProgress, moved: MovedBatch): MigrationProgress {
  return {
    ...progress,
    blobsMoved: progress.blobsMoved + moved.blobs,
    bytesMoved: progress.bytesMoved + moved.bytes,
    bytesFrom: progress.bytesFrom.map((bytes, tier) => bytes + (moved.bytesFrom[tier] ?? 0)),
  };
}

function sourceOf({ bytesFrom }: MigrationProgress): Tier | undefined {
  const most = Math.max(...bytesFrom);
  return most === 0 ? undefined : tiers[bytesFrom.indexOf(most)];
}
