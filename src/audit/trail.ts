import type { Environment, MonotonicMs, Time } from '../environment.ts';
import type { Kv, KvTransaction } from '../kv/kv.ts';
import type { Sequence } from '../kv/sequence.ts';
import {
  AUDIT_BUCKET_BYPASSES_MAX,
  AUDIT_BYPASSES_MAX,
  AUDIT_CHANGES_MAX,
  AUDIT_FLUSH_MS,
  AUDIT_KEY_BYTES_MAX,
  AUDIT_MERGE_MS,
  AUDIT_REFUSALS_MAX,
  AUDIT_STEP_ROWS,
} from '../limits.ts';
import type { Closable } from '../scope.ts';
import type { AuditEvent, AuditRow } from './event.ts';
import { fileBypasses, thinBypasses } from './bypasses.ts';
import { logged } from './log-line.ts';
import { pageOf, type AuditPage, type AuditPageOptions } from './page.ts';
import {
  decodeRow,
  decodeState,
  encodeRow,
  encodeState,
  NEW_TRAIL,
  orderOfRowKey,
  rowKey,
  rowRange,
  rowTables,
  STATE_KEY,
  type AuditTable,
  type TrailState,
} from './records.ts';
import { Refusals, type GroupOf, type Recent } from './refusals.ts';

/** What people who answer for the data may look into: what object lock has refused, and who has changed or passed a lock. */
export interface AuditTrail {
  /** Newest first. Nothing is missing between what a page has shown. */
  page(options: AuditPageOptions): Promise<AuditPage>;
  /** One bounded unit of background work: counts are written, rows beyond the bound are removed. */
  step(): Promise<'busy' | 'idle'>;
}

export interface TrailParts {
  readonly kv: Kv;
  readonly sequence: Pick<Sequence, 'next'>;
  readonly environment: Environment;
  readonly groupOf: GroupOf;
  /** Rows kept; the bounds of limits.ts if absent. */
  readonly rowsMax?: RowsMax;
}

export type RowsMax = Readonly<Record<AuditTable | 'bypassesOfBucket', number>>;

const ROWS_MAX: RowsMax = {
  refusals: AUDIT_REFUSALS_MAX,
  changes: AUDIT_CHANGES_MAX,
  bypasses: AUDIT_BYPASSES_MAX,
  bypassesOfBucket: AUDIT_BUCKET_BYPASSES_MAX,
};

/**
 * Rows of the store, in the order of what happened. A change has its row in the transaction that makes it; a refusal has
 * one before it is answered, or counts in one: those counts are written with the next rows, or after two seconds.
 */
export class Trail implements AuditTrail, Closable {
  readonly #parts: TrailParts;
  readonly #refusals: Refusals;
  /** Orders whose rows may not be there yet, growing. */
  readonly #open = new Set<number>();
  /** Rows to be written. */
  readonly #dirty = new Set<Recent>();
  #flushing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #flushedAt: MonotonicMs;
  /** Rows may have come that are not counted. */
  #isUncounted = true;

  private constructor(parts: TrailParts) {
    this.#parts = parts;
    const now = parts.environment.clock.monotonic();
    this.#refusals = new Refusals(now, parts.groupOf);
    this.#flushedAt = now;
  }

  /** Notes first when the last run did not close its trail. */
  static async open(parts: TrailParts): Promise<Trail> {
    const { kv, sequence, environment } = parts;
    await kv.transact('durable', async (tx) => {
      const state = await stateOf(tx);
      if (state.isOpen) await noteInterruption(tx, environment.clock.wall(), () => sequence.next());
      tx.put(STATE_KEY, encodeState({ ...state, isOpen: true }));
    });
    return new Trail(parts);
  }

  /** Resolves when the refusal is on stable storage, or counts in a row that is. Faults only with the store. */
  async refused(event: AuditEvent): Promise<void> {
    const { environment, sequence } = this.#parts;
    const now = { wall: environment.clock.wall(), monotonic: environment.clock.monotonic() };
    const { recent, isNew } = this.#refusals.add(bounded(event), now, () => sequence.next());
    const { row } = recent;
    this.#dirty.add(recent);
    if (isNew) {
      this.#open.add(row.order);
      environment.log.warn('object-lock.refused', logged(row));
    }
    if (this.#open.has(row.order)) await this.#flush();
  }

  /** Runs a change that puts its own row, under the order that it is given. */
  async changing<Result>(work: (order: number) => Promise<Result>): Promise<Result> {
    const order = this.#parts.sequence.next();
    this.#open.add(order);
    try {
      return await work(order);
    } finally {
      this.#open.delete(order);
      this.#isUncounted = true;
    }
  }

  /** The row of a change, in the transaction that makes it. */
  put(tx: KvTransaction, order: number, event: AuditEvent): void {
    const { clock, log } = this.#parts.environment;
    const at = clock.wall();
    const row = { ...bounded(event), order, at, count: 1, lastAt: at };
    tx.put(rowKey(event.kind === 'bypassed' ? 'bypasses' : 'changes', order), encodeRow(row));
    tx.whenCommitted(() => log.info(`object-lock.${event.kind}`, logged(row)));
  }

  page(options: AuditPageOptions): Promise<AuditPage> {
    return pageOf(this.#parts.kv, this.#end(), options);
  }

  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#parts.environment;
    if (this.#dirty.size > 0 && clock.monotonic() - this.#flushedAt >= AUDIT_FLUSH_MS) {
      await this.#flush();
      return 'busy';
    }
    if (!this.#isUncounted) return 'idle';
    this.#isUncounted = false;
    let isBusy = false;
    for (const table of rowTables) isBusy = (await this.#count(table)) || isBusy;
    this.#isUncounted ||= isBusy;
    return isBusy ? 'busy' : 'idle';
  }

  /** Writes what is counted, and that nothing is missing. */
  async close(): Promise<void> {
    if (this.#dirty.size > 0) await this.#flush();
    await this.#flushing;
    await this.#parts.kv.transact('durable', async (tx) => {
      tx.put(STATE_KEY, encodeState({ ...(await stateOf(tx)), isOpen: false }));
    });
  }

  /** Below it all rows are there. */
  #end(): number {
    const [first] = this.#open;
    return first ?? Number.MAX_SAFE_INTEGER;
  }

  /** One at a time; whatever comes while one is under way shares the next. */
  #flush(): Promise<void> {
    this.#next ??= this.#flushing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#flushing = this.#write();
        return this.#flushing;
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const { kv, environment } = this.#parts;
    const rows = [...this.#dirty].map(({ row }) => row);
    this.#dirty.clear();
    this.#flushedAt = environment.clock.monotonic();
    await kv.transact('durable', async (tx) => {
      for (const row of rows) tx.put(rowKey('refusals', row.order), encodeRow(row));
    });
    for (const { order } of rows) this.#open.delete(order);
    this.#isUncounted = true;
  }

  /** Counts rows that came, and removes as many of the oldest as are too many. True: there was something to do. */
  async #count(table: AuditTable): Promise<boolean> {
    const { rowsMax = ROWS_MAX } = this.#parts;
    return this.#parts.kv.transact('durable', async (tx) => {
      const state = await stateOf(tx);
      const count = state.counts[table];
      const fresh = await firstOrders(tx, table, { from: count.countedTo + 1, end: this.#end() });
      const isFiled = table === 'bypasses';
      const ofBuckets = isFiled ? await fileBypasses(tx, fresh, rowsMax.bypassesOfBucket) : [];
      const rows = count.rows + fresh.length - ofBuckets.length;
      const excess = Math.min(rows - rowsMax[table], AUDIT_STEP_ROWS);
      const countedTo = fresh.at(-1) ?? count.countedTo;
      const removed =
        excess <= 0
          ? []
          : isFiled
            ? await thinBypasses(tx, excess)
            : await removeFirst(tx, table, { end: countedTo + 1, count: excess });
      if (fresh.length === 0 && removed.length === 0) return false;
      const removedNow = ofBuckets.length + removed.length;
      const counted = { countedTo, rows: rows - removed.length, removed: count.removed + removedNow };
      tx.put(STATE_KEY, encodeState({ ...state, counts: { ...state.counts, [table]: counted } }));
      return true;
    });
  }
}

async function stateOf(tx: Pick<KvTransaction, 'get'>): Promise<TrailState> {
  const bytes = await tx.get(STATE_KEY);
  return bytes === undefined ? NEW_TRAIL : decodeState(bytes);
}

/** Removes the oldest of the rows before `end`. */
async function removeFirst(
  tx: KvTransaction,
  table: AuditTable,
  { end, count }: { readonly end: number; readonly count: number },
): Promise<readonly number[]> {
  const removed = (await firstOrders(tx, table, { from: 0, end })).slice(0, count);
  for (const order of removed) tx.delete(rowKey(table, order));
  return removed;
}

/** Of the first rows in [from, end), a step's worth. */
async function firstOrders(
  tx: KvTransaction,
  table: AuditTable,
  { from, end }: { readonly from: number; readonly end: number },
): Promise<readonly number[]> {
  if (from >= end) return [];
  for await (const page of tx.scan(rowRange(table, from, end), { pageEntries: AUDIT_STEP_ROWS }))
    return page.map(({ key }) => orderOfRowKey(key));
  return [];
}

const INTERRUPTED =
  'the gateway ended without being stopped: each refusal before has its row, but those of its last two seconds may be counted too low';

/** A gateway that fails again and again makes one row a minute. */
async function noteInterruption(tx: KvTransaction, now: Time, nextOrder: () => number): Promise<void> {
  const all = rowRange('refusals', 0, Number.MAX_SAFE_INTEGER);
  for await (const [newest] of tx.scan(all, { reverse: true, pageEntries: 1 })) {
    if (newest === undefined) break;
    const row = decodeRow(orderOfRowKey(newest.key), newest.value);
    const isOld = now.seconds - row.at.seconds >= AUDIT_MERGE_MS / 1000;
    if (row.kind !== 'interrupted' || isOld) break;
    tx.put(newest.key, encodeRow({ ...row, count: row.count + 1, lastAt: now }));
    return;
  }
  const event = { kind: 'interrupted', actor: undefined, detail: INTERRUPTED } as const;
  const row: AuditRow = { ...event, order: nextOrder(), at: now, count: 1, lastAt: now };
  tx.put(rowKey('refusals', row.order), encodeRow(row));
}

const bounded = (event: AuditEvent): AuditEvent =>
  event.key === undefined || event.key.length <= AUDIT_KEY_BYTES_MAX
    ? event
    : { ...event, key: event.key.subarray(0, AUDIT_KEY_BYTES_MAX) };
