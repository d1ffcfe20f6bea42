import assert from 'node:assert';
import { Fault } from '../fault.ts';
import * as limits from '../limits.ts';
import { Attempt, PlainReader, type Surroundings } from './attempt.ts';
import { RecordCache } from './cache.ts';
import { Flights } from './flights.ts';
import { History, type Commit } from './history.ts';
import { keyText, type KeyText } from './key-text.ts';
import { View, type Reader, type Scan, type Scanned } from './view.ts';
import type { KvEngine, Write } from './engine.ts';
import type { Durability, Entry, Key, KeyRange, Kv, KvTransaction, Merge, ScanOptions, Value } from './kv.ts';

export interface OptimisticBounds {
  readonly cacheBytesMax: number;
  readonly historyBytesMax: number;
  readonly flightBytesMax: number;
  readonly attemptsSharedMax: number;
  readonly attemptsMax: number;
}

export interface OptimisticOptions {
  readonly merge: Merge;
  /** Called once when a write or sync of the engine has failed: its outcome is unknown, so the process should stop. */
  readonly stopped?: (cause: unknown) => void;
  readonly bounds?: Partial<OptimisticBounds>;
}

const boundsDefault: OptimisticBounds = {
  cacheBytesMax: limits.KV_CACHE_BYTES_MAX,
  historyBytesMax: limits.KV_HISTORY_BYTES_MAX,
  flightBytesMax: limits.KV_FLIGHT_BYTES_MAX,
  attemptsSharedMax: limits.KV_ATTEMPTS_SHARED_MAX,
  attemptsMax: limits.KV_ATTEMPTS_MAX,
};

/**
 * Serializable transactions over `engine`, which the store owns from here on and closes. Optimistic: transactions run
 * without locks on the state of one moment; one commits in a single synchronous step when nothing that it read has
 * changed since, else it runs again. That is enough because one JavaScript thread owns the engine alone.
 */
export function openOptimistic(engine: KvEngine, options: OptimisticOptions): Kv {
  return new OptimisticKv(engine, options);
}

/** How a body ended, once its reads were found good. */
type Outcome<T> =
  | { readonly kind: 'returned'; readonly value: T; readonly commit: Commit | undefined }
  | { readonly kind: 'threw'; readonly cause: unknown };

interface Done<T> {
  readonly attempt: Attempt;
  readonly outcome: Outcome<T>;
}

class OptimisticKv implements Kv {
  readonly #engine: KvEngine;
  readonly #merge: Merge;
  readonly #bounds: OptimisticBounds;
  readonly #history: History;
  readonly #cache: RecordCache;
  readonly #view: View;
  readonly #flights: Flights;
  readonly #around: Surroundings;
  /** In the order of their starts, since starts only grow and a set keeps the order of insertion. */
  readonly #readers = new Set<Reader>();
  #sequence = 0;
  /** While a transaction runs alone: settles when it is over. */
  #alone: Promise<void> | undefined;
  #running = 0;
  #idle: (() => void) | undefined;
  #isClosing = false;

  constructor(engine: KvEngine, options: OptimisticOptions) {
    this.#engine = engine;
    this.#merge = options.merge;
    this.#bounds = { ...boundsDefault, ...options.bounds };
    this.#history = new History(this.#bounds.historyBytesMax);
    this.#cache = new RecordCache(this.#bounds.cacheBytesMax);
    this.#view = new View({ engine, history: this.#history, cache: this.#cache });
    this.#flights = new Flights({
      landed: () => {
        this.#prune();
      },
      stopped: options.stopped ?? (() => undefined),
    });
    this.#around = {
      view: this.#view,
      history: this.#history,
      checkRunning: () => {
        this.#flights.checkRunning();
      },
    };
  }

  get(key: Key): Promise<Value | undefined> {
    const found = this.#isOpen() ? this.#view.peek(keyText(key)) : undefined;
    if (found === undefined || isPending(found.basis)) return this.getMany([key]).then((values) => values[0]);
    return Promise.resolve(found.value);
  }

  async getMany(keys: readonly Key[]): Promise<readonly (Value | undefined)[]> {
    const texts = keys.map(keyText);
    const hot = this.#isOpen() ? this.#peekAll(texts) : undefined;
    if (hot !== undefined) return hot;
    return this.#read((reader) => this.#view.getMany(reader, keys, texts));
  }

  /** All of them, when each is in memory here and durable. */
  #peekAll(texts: readonly KeyText[]): (Value | undefined)[] | undefined {
    const values: (Value | undefined)[] = [];
    for (const text of texts) {
      const found = this.#view.peek(text);
      if (found === undefined || isPending(found.basis)) return undefined;
      values.push(found.value);
    }
    return values;
  }

  async *scan(range: KeyRange, options: ScanOptions): AsyncIterable<readonly Entry[]> {
    assert(options.pageEntries > 0);
    const shape = {
      reverse: options.reverse ?? false,
      entriesMax: options.pageEntries,
      own: () => undefined,
    };
    for (let rest: KeyRange | undefined = range; rest !== undefined;) {
      if (Buffer.compare(rest.start, rest.end) >= 0) return;
      const scan: Scan = { ...shape, range: rest };
      const page: Scanned = await this.#read((reader) => this.#view.page(reader, scan));
      if (page.entries.length > 0) yield page.entries;
      rest = page.rest;
    }
  }

  async transact<T>(durability: Durability, body: (tx: KvTransaction) => Promise<T>): Promise<T> {
    this.#checkOpen();
    this.#running += 1;
    try {
      for (let count = 1; count <= this.#bounds.attemptsMax; count++) {
        const isAlone = count > this.#bounds.attemptsSharedMax;
        const run = (): Promise<Done<T> | undefined> => this.#attempt({ isAlone, durability }, body);
        const done = isAlone ? await this.#runAlone(run) : await run();
        if (done !== undefined) return await this.#settled(done.attempt, done.outcome);
      }
      throw new Fault('conflict', 'store', `still conflicts after ${this.#bounds.attemptsMax} attempts`);
    } finally {
      this.#leave();
    }
  }

  async sync(): Promise<void> {
    this.#checkOpen();
    await this.#flights.sync(() => this.#engine.sync());
  }

  get hasStopped(): boolean {
    return this.#flights.hasStopped;
  }

  async close(): Promise<void> {
    assert(!this.#isClosing, 'closed twice');
    this.#isClosing = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    try {
      if (!this.#flights.hasStopped) await this.#flights.sync(() => this.#engine.sync());
    } finally {
      await this.#engine.close();
    }
  }

  #isOpen(): boolean {
    return !this.#isClosing && !this.#flights.hasStopped;
  }

  #checkOpen(): void {
    this.#flights.checkRunning();
    if (this.#isClosing) throw new Fault('unavailable', 'store', 'closed');
  }

  #leave(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#idle?.();
  }

  /** Plain reads: the latest state, and only when what it depends on is durable. */
  async #read<T>(ask: (reader: Reader) => Promise<T>): Promise<T> {
    this.#checkOpen();
    this.#running += 1;
    try {
      for (let count = 1; count <= this.#bounds.attemptsMax; count++) {
        const done = await this.#readOnce(ask);
        if (done === undefined) continue;
        if (isPending(done.basis)) await done.basis.landing;
        return done.answer;
      }
      throw new Fault('conflict', 'store', 'too many commits during one read');
    } finally {
      this.#leave();
    }
  }

  async #readOnce<T>(
    ask: (reader: Reader) => Promise<T>,
  ): Promise<{ answer: T; basis: Commit | undefined } | undefined> {
    const reader = new PlainReader(this.#around, this.#sequence);
    this.#readers.add(reader);
    try {
      return { answer: await ask(reader), basis: reader.observed };
    } catch (cause) {
      if (reader.isStale) return undefined;
      throw cause;
    } finally {
      this.#forget(reader);
    }
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    this.#prune();
  }

  #prune(): void {
    const [oldest] = this.#readers;
    this.#history.prune(oldest === undefined ? this.#sequence : oldest.start);
  }

  /** After several conflicts: the commits of all others wait, so `run` meets no new one. */
  async #runAlone<T>(run: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    let release: () => void = () => undefined;
    this.#alone = new Promise((resolve) => (release = resolve));
    try {
      return await run();
    } finally {
      this.#alone = undefined;
      release();
    }
  }

  /** Runs `body` once; `undefined` means that it has to run again. */
  async #attempt<T>(
    how: { readonly isAlone: boolean; readonly durability: Durability },
    body: (tx: KvTransaction) => Promise<T>,
  ): Promise<Done<T> | undefined> {
    const attempt = new Attempt(this.#around, { start: this.#sequence, isAlone: how.isAlone });
    this.#readers.add(attempt);
    try {
      const value = await body(attempt);
      if (!attempt.isIntact) return undefined;
      attempt.finish();
      if (attempt.isReadOnly) return { attempt, outcome: { kind: 'returned', value, commit: undefined } };
      const prefetched = new Map<KeyText, Value | undefined>();
      attempt.assertMergesApart();
      for (;;) {
        this.#flights.checkRunning();
        const obstacle = this.#obstacle(attempt, prefetched);
        if (obstacle === undefined) break;
        await obstacle;
      }
      // No await from the last look at the obstacles to the end of the commit: check and change are one step.
      const commit = attempt.isCurrent() ? this.#commit(attempt, how.durability, prefetched) : undefined;
      if (commit === undefined) attempt.abandon();
      return commit && { attempt, outcome: { kind: 'returned', value, commit } };
    } catch (cause) {
      this.#flights.checkRunning();
      return attempt.isCurrent() ? { attempt, outcome: { kind: 'threw', cause } } : undefined;
    } finally {
      // Reads that the body did not wait for, as when one of several in parallel has failed, end quietly.
      if (!attempt.isOver) attempt.abandon();
      this.#forget(attempt);
    }
  }

  /** Hands out what the transaction came to, once a crash can no longer undo what it is based on. */
  async #settled<T>(attempt: Attempt, outcome: Outcome<T>): Promise<T> {
    const written = outcome.kind === 'returned' ? outcome.commit?.basis : undefined;
    // A durable commit lands after all that it observed.
    const basis = written ?? attempt.observed;
    if (isPending(basis)) await basis.landing;
    if (outcome.kind === 'threw') throw outcome.cause;
    for (const effect of attempt.effects) effect();
    return outcome.value;
  }

  /** What the commit has to wait for first. */
  #obstacle(attempt: Attempt, prefetched: Map<KeyText, Value | undefined>): Promise<void> | undefined {
    if (this.#alone !== undefined && !attempt.isAlone) return this.#alone;
    if (this.#flights.bytes > this.#bounds.flightBytesMax) return this.#flights.oldest?.landing;
    const missing: Key[] = [];
    for (const [text, { key }] of attempt.merges) {
      if (!prefetched.has(text) && this.#view.peek(text) === undefined) missing.push(key);
    }
    return missing.length === 0 ? undefined : this.#prefetch(missing, prefetched);
  }

  /** A later commit of such a row is in the history, because the attempt is registered; so the history goes first. */
  async #prefetch(keys: readonly Key[], prefetched: Map<KeyText, Value | undefined>): Promise<void> {
    const values = await this.#engine.getMany(keys);
    keys.forEach((key, index) => prefetched.set(keyText(key), values[index]));
  }

  #commit(
    attempt: Attempt,
    durability: Durability,
    prefetched: ReadonlyMap<KeyText, Value | undefined>,
  ): Commit {
    this.#fold(attempt, prefetched);
    const sequence = ++this.#sequence;
    const batch: Write[] = [];
    let bytes = 0;
    for (const write of attempt.writes.values()) {
      batch.push(write);
      bytes += write.key.length + (write.value?.length ?? 0);
    }
    const isDurable = durability === 'durable';
    const basis = isDurable ? 'itself' : attempt.observed;
    const ticket = { sequence, basis, bytes } as const;
    const commit = this.#flights.launch(ticket, () => this.#engine.write(batch, isDurable));
    for (const [text, { value }] of attempt.writes) this.#cache.put(text, value);
    this.#history.append(commit, attempt.writes);
    return commit;
  }

  /** Adds the rows that the attempt merges to those that it writes. */
  #fold(attempt: Attempt, prefetched: ReadonlyMap<KeyText, Value | undefined>): void {
    for (const [text, { key, folds }] of attempt.merges) {
      const row = this.#history.find(text);
      if (row !== undefined) attempt.observeMerged(row.commit);
      const latest = this.#view.peek(text);
      let value = latest === undefined ? prefetched.get(text) : latest.value;
      for (const { operand, merged } of folds) {
        merged.before = value;
        value = this.#merge(key, value, operand);
        merged.after = value;
      }
      attempt.writes.set(text, { key, value });
    }
  }
}

function isPending(commit: Commit | undefined): commit is Commit {
  return commit !== undefined && !commit.hasLanded;
}
