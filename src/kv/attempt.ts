import assert from 'node:assert';
import { Fault } from '../fault.ts';
import { KV_TRANSACTION_BYTES_MAX, KV_TRANSACTION_ROWS_MAX } from '../limits.ts';
import { keyText, type KeyText, type TextRange } from './key-text.ts';
import type { Commit, History } from './history.ts';
import type { Entry, Key, KeyRange, KvTransaction, Merged, ScanOptions, Value } from './kv.ts';
import type { Overlay } from './overlay.ts';
import type { Reader, Scanned, View } from './view.ts';
import type { Write } from './engine.ts';

/** Ends an attempt whose snapshot is gone. Never leaves the store: the transaction runs again. */
class Stale extends Error {
  override readonly name = 'Stale';
}

export interface Merging {
  readonly key: Key;
  readonly folds: { readonly operand: Value; readonly merged: Merged }[];
}

export interface Surroundings {
  readonly view: View;
  readonly history: History;
  /** Throws the store's fault when it has stopped. */
  readonly checkRunning: () => void;
}

/**
 * One run of a transaction's body, in the manner of TL2 (Dice, Shalev, Shavit 2006): it reads the state of the moment
 * `start`. A read that meets a later commit ends the attempt, so the body never sees two moments mixed.
 */
export class Attempt implements KvTransaction, Reader {
  readonly start: number;
  readonly isAlone: boolean;
  readonly writes = new Map<KeyText, Write>();
  readonly merges = new Map<KeyText, Merging>();
  readonly effects: (() => void)[] = [];
  readonly #around: Surroundings;
  readonly #keysRead = new Set<KeyText>();
  readonly #rangesRead: TextRange[] = [];
  #newest: Commit | undefined;
  #state: 'open' | 'stale' | 'over' = 'open';
  #bytes = 0;

  constructor(around: Surroundings, moment: { start: number; isAlone: boolean }) {
    this.#around = around;
    this.start = moment.start;
    this.isAlone = moment.isAlone;
  }

  /** The newest durable commit that the body has seen the effects of. */
  get observed(): Commit | undefined {
    return this.#newest;
  }

  /** False once a read has met a later commit, whatever the body made of the error. */
  get isIntact(): boolean {
    return this.#state !== 'stale';
  }

  get isReadOnly(): boolean {
    return this.writes.size === 0 && this.merges.size === 0;
  }

  /** Whether nothing that was read has changed since `start`. */
  isCurrent(): boolean {
    const { history } = this.#around;
    if (this.#state === 'stale' || this.start < history.floor) return false;
    for (const text of this.#keysRead) {
      const row = history.find(text);
      if (row !== undefined && row.commit.sequence > this.start) return false;
    }
    return this.#rangesRead.every((range) =>
      history.within(range).every((row) => row.commit.sequence <= this.start),
    );
  }

  /** The body has returned: what it still does with the transaction is a mistake of the caller. */
  finish(): void {
    this.#state = 'over';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** What the body has left running is of no more interest. */
  abandon(): void {
    this.#state = 'stale';
  }

  observe(commit: Commit): void {
    if (commit.sequence > this.start) this.#abort();
    this.#newest = newer(this.#newest, commit.basis);
  }

  /** A merged row is read at the commit, not at `start`. */
  observeMerged(commit: Commit): void {
    this.#newest = newer(this.#newest, commit.basis);
  }

  checkReadable(): void {
    this.#checkOpen();
    if (this.start < this.#around.history.floor) this.#abort();
  }

  async get(key: Key): Promise<Value | undefined> {
    this.#checkOpen();
    const text = keyText(key);
    const own = this.writes.get(text);
    if (own !== undefined) return own.value;
    this.#willRead(text);
    const hot = this.#around.view.hot(this, text);
    if (hot !== undefined) return hot.value;
    return (await this.#around.view.getMany(this, [key], [text]))[0];
  }

  async getMany(keys: readonly Key[]): Promise<readonly (Value | undefined)[]> {
    this.#checkOpen();
    const texts: KeyText[] = [];
    let ownCount = 0;
    for (const key of keys) {
      const text = keyText(key);
      texts.push(text);
      if (this.writes.size > 0 && this.writes.has(text)) ownCount += 1;
      else this.#willRead(text);
    }
    if (ownCount === 0) return this.#around.view.getMany(this, keys, texts);
    return this.#overOwn(keys, texts);
  }

  /** Some of them the transaction has written itself. */
  async #overOwn(keys: readonly Key[], texts: readonly KeyText[]): Promise<(Value | undefined)[]> {
    const own = texts.map((text) => this.writes.get(text)?.value);
    const asked = texts.flatMap((text, index) => (this.writes.has(text) ? [] : [index]));
    const read = await this.#around.view.getMany(
      this,
      asked.map((index) => keys[index] as Key),
      asked.map((index) => texts[index] as KeyText),
    );
    asked.forEach((index, position) => (own[index] = read[position]));
    return own;
  }

  async *scan(range: KeyRange, options: ScanOptions): AsyncIterable<readonly Entry[]> {
    assert(options.pageEntries > 0);
    const reverse = options.reverse ?? false;
    const own = (within: TextRange): Overlay | undefined => this.#ownWithin(within);
    for (let rest: KeyRange | undefined = range; rest !== undefined;) {
      this.#checkOpen();
      if (Buffer.compare(rest.start, rest.end) >= 0) return;
      const scan = { range: rest, reverse, entriesMax: options.pageEntries, own };
      const page: Scanned = await this.#around.view.page(this, scan);
      this.#didScan(page.covered, reverse);
      if (page.entries.length > 0) yield page.entries;
      rest = page.rest;
    }
  }

  put(key: Key, value: Value): void {
    this.#write(key, value);
  }

  delete(key: Key): void {
    this.#write(key, undefined);
  }

  merge(key: Key, operand: Value): Merged {
    this.#checkOpen();
    const text = keyText(key);
    const merging = this.merges.get(text) ?? { key, folds: [] };
    const merged: Merged = { before: undefined, after: undefined };
    merging.folds.push({ operand, merged });
    this.merges.set(text, merging);
    this.#count(key.length + operand.length);
    return merged;
  }

  whenCommitted(effect: () => void): void {
    this.#checkOpen();
    this.effects.push(effect);
  }

  /** A merged row is not part of the snapshot: mixing it with reads and writes has no one meaning. */
  assertMergesApart(): void {
    for (const text of this.merges.keys()) {
      assert(!this.writes.has(text), 'a merged key was also put or deleted');
      assert(!this.#keysRead.has(text), 'a merged key was also read');
    }
  }

  #write(key: Key, value: Value | undefined): void {
    this.#checkOpen();
    this.writes.set(keyText(key), { key, value });
    this.#count(key.length + (value?.length ?? 0));
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    const rows = this.writes.size + this.merges.size;
    if (rows <= KV_TRANSACTION_ROWS_MAX && this.#bytes <= KV_TRANSACTION_BYTES_MAX) return;
    throw new Fault('too-large', 'store', `${rows} rows, ${this.#bytes} bytes in one transaction`);
  }

  #willRead(text: KeyText): void {
    this.#keysRead.add(text);
    if (this.#keysRead.size <= KV_TRANSACTION_ROWS_MAX) return;
    throw new Fault('too-large', 'store', `${this.#keysRead.size} keys read in one transaction`);
  }

  /** Pages of one scan join, so that a long scan is one range. */
  #didScan(covered: TextRange, reverse: boolean): void {
    const last = this.#rangesRead.at(-1);
    const joins = last !== undefined && (reverse ? covered.end === last.start : covered.start === last.end);
    if (joins) {
      this.#rangesRead[this.#rangesRead.length - 1] = reverse
        ? { start: covered.start, end: last.end }
        : { start: last.start, end: covered.end };
    } else this.#rangesRead.push(covered);
    if (this.#rangesRead.length <= KV_TRANSACTION_ROWS_MAX) return;
    throw new Fault('too-large', 'store', `${this.#rangesRead.length} ranges scanned in one transaction`);
  }

  #ownWithin(range: TextRange): Overlay | undefined {
    if (this.writes.size === 0) return undefined;
    return new Map([...this.writes].filter(([text]) => text >= range.start && text < range.end));
  }

  #checkOpen(): void {
    this.#around.checkRunning();
    if (this.#state === 'stale') throw new Stale('the snapshot is gone');
    assert(this.#state === 'open', 'a transaction was used after its end');
  }

  #abort(): never {
    this.#state = 'stale';
    throw new Stale('the snapshot is gone');
  }
}

/** A read outside a transaction: it may see later commits than its start, and then sees them everywhere. */
export class PlainReader implements Reader {
  readonly start: number;
  readonly #around: Surroundings;
  #newest: Commit | undefined;
  #isStale = false;

  constructor(around: Surroundings, start: number) {
    this.#around = around;
    this.start = start;
  }

  get observed(): Commit | undefined {
    return this.#newest;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  observe(commit: Commit): void {
    this.#newest = newer(this.#newest, commit.basis);
  }

  checkReadable(): void {
    this.#around.checkRunning();
    if (this.start >= this.#around.history.floor) return;
    this.#isStale = true;
    throw new Stale('the history was cut');
  }
}

function newer(one: Commit | undefined, other: Commit | undefined): Commit | undefined {
  return other !== undefined && other.sequence > (one?.sequence ?? 0) ? other : one;
}
