import assert from 'node:assert';
import { KV_PAGE_BYTES_MAX } from '../limits.ts';
import { keyText, textAfter, textKey, type KeyText, type TextRange } from './key-text.ts';
import { overlaid, type Overlay } from './overlay.ts';
import type { RecordCache } from './cache.ts';
import type { KvEngine, Page } from './engine.ts';
import type { Commit, History, Row } from './history.ts';
import type { Entry, Key, KeyRange, Value } from './kv.ts';

/** Entries fetched at once while nothing but hidden rows turns up. */
const SEARCH_ENTRIES_MAX = 1024;

/** Somebody who reads. While it is registered with the store, the history keeps every commit after `start`. */
export interface Reader {
  readonly start: number;
  /** Told of every recent commit that an answer contains. Throws when the reader must not see it. */
  observe(commit: Commit): void;
  /** Throws when the answer may miss commits, or when it came too late. */
  checkReadable(): void;
}

export interface Scan {
  readonly range: KeyRange;
  readonly reverse: boolean;
  readonly entriesMax: number;
  /** The reader's own writes within a range. */
  readonly own: (range: TextRange) => Overlay | undefined;
}

export interface Scanned {
  /** Empty only when nothing is left. */
  readonly entries: readonly Entry[];
  /** What `entries` answers for completely, from the beginning of the asked range in the scan's direction. */
  readonly covered: TextRange;
  readonly rest: KeyRange | undefined;
}

export interface Layers {
  readonly engine: KvEngine;
  readonly history: History;
  readonly cache: RecordCache;
}

/** Recent commits over cached records over the engine: the latest committed state. */
export class View {
  readonly #engine: KvEngine;
  readonly #history: History;
  readonly #cache: RecordCache;

  constructor(layers: Layers) {
    this.#engine = layers.engine;
    this.#history = layers.history;
    this.#cache = layers.cache;
  }

  /** The latest state of a key that is in memory here; `basis` is what must be durable before it may leave the store. */
  peek(text: KeyText): { readonly value: Value | undefined; readonly basis: Commit | undefined } | undefined {
    const row = this.#history.find(text);
    if (row !== undefined) return { value: row.value, basis: row.commit.basis };
    const cached = this.#cache.find(text);
    return cached && { value: cached.value, basis: undefined };
  }

  /** What is in memory here: answers at once, without asking the engine. */
  hot(reader: Reader, text: KeyText): { readonly value: Value | undefined } | undefined {
    return this.#row(reader, text) ?? this.#cache.find(text);
  }

  /** Same order as `keys`, whose texts are `texts`. The answers belong to one moment, which is when the promise resolves. */
  async getMany(
    reader: Reader,
    keys: readonly Key[],
    texts: readonly KeyText[],
  ): Promise<(Value | undefined)[]> {
    const values: (Value | undefined)[] = [];
    const missing: number[] = [];
    for (let index = 0; index < texts.length; index += 1) {
      const found = this.hot(reader, texts[index] as KeyText);
      values.push(found?.value);
      if (found === undefined) missing.push(index);
    }
    if (missing.length === 0) return values;
    const answer = this.#engine.getMany(
      missing.length === keys.length ? keys : missing.map((index) => keys[index] as Key),
    );
    const read = answer instanceof Promise ? await answer : answer;
    assert.equal(read.length, missing.length);
    reader.checkReadable();
    for (let position = 0; position < missing.length; position += 1) {
      const index = missing[position] as number;
      const text = texts[index] as KeyText;
      values[index] = read[position];
      if (this.#history.find(text) === undefined) this.#cache.put(text, read[position]);
    }
    // What was committed while the engine was reading is in the history, since the reader is registered.
    if (answer instanceof Promise) {
      texts.forEach((text, index) => {
        const row = this.#row(reader, text);
        if (row !== undefined) values[index] = row.value;
      });
    }
    return values;
  }

  #row(reader: Reader, text: KeyText): Row | undefined {
    const row = this.#history.find(text);
    if (row !== undefined) reader.observe(row.commit);
    return row;
  }

  /** The next page of a scan: not empty unless the range holds nothing more. */
  async page(reader: Reader, scan: Scan): Promise<Scanned> {
    const reached = textsOf(scan.range);
    let { range } = scan;
    for (let entriesMax = scan.entriesMax; ; entriesMax = Math.min(entriesMax * 2, SEARCH_ENTRIES_MAX)) {
      const piece = await this.#piece(reader, scan, { range, entriesMax });
      if (piece.entries.length > 0 || piece.rest === undefined) {
        const covered = scan.reverse
          ? { start: piece.covered.start, end: reached.end }
          : { start: reached.start, end: piece.covered.end };
        return { ...piece, covered };
      }
      range = piece.rest;
    }
  }

  /** One page of the engine with what lies over it; may be empty where recent commits have deleted all of it. */
  async #piece(reader: Reader, scan: Scan, ask: { range: KeyRange; entriesMax: number }): Promise<Scanned> {
    const bounds = { reverse: scan.reverse, entriesMax: ask.entriesMax, bytesMax: KV_PAGE_BYTES_MAX };
    const answer = this.#engine.page(ask.range, bounds);
    // What is on its way to the engine now may be missing in its answer, and when that comes have left the history.
    const before = answer instanceof Promise ? this.#history.within(textsOf(ask.range)) : [];
    const page = answer instanceof Promise ? await answer : answer;
    reader.checkReadable();
    const covered = coveredBy(page, ask.range, scan.reverse);
    const overlay: Overlay = new Map();
    for (const row of [...before, ...this.#history.within(covered)]) {
      const text = keyText(row.key);
      if (text < covered.start || text >= covered.end) continue;
      reader.observe(row.commit);
      overlay.set(text, row);
    }
    scan.own(covered)?.forEach((write, text) => overlay.set(text, write));
    const entries = overlaid(page.entries, overlay, scan.reverse);
    const length = pageLength(entries, scan.entriesMax);
    const cut = length < entries.length;
    const kept = cut ? entries.slice(0, length) : entries;
    const end = cut ? upTo(kept, ask.range, scan.reverse) : covered;
    return {
      entries: kept,
      covered: end,
      rest: cut || !page.isLast ? rest(ask.range, end, scan.reverse) : undefined,
    };
  }
}

/** How many of `entries` make a page. */
function pageLength(entries: readonly Entry[], entriesMax: number): number {
  let bytes = 0;
  const end = entries.findIndex(({ key, value }, index) => {
    const isFull = index === entriesMax || bytes >= KV_PAGE_BYTES_MAX;
    bytes += key.length + value.length;
    return isFull;
  });
  return end === -1 ? entries.length : end;
}

function coveredBy(page: Page, range: KeyRange, reverse: boolean): TextRange {
  return page.isLast ? textsOf(range) : upTo(page.entries, range, reverse);
}

function textsOf({ start, end }: KeyRange): TextRange {
  return { start: keyText(start), end: keyText(end) };
}

function upTo(entries: readonly Entry[], range: KeyRange, reverse: boolean): TextRange {
  const last = entries.at(-1);
  assert(last !== undefined);
  const text = keyText(last.key);
  return reverse
    ? { start: text, end: keyText(range.end) }
    : { start: keyText(range.start), end: textAfter(text) };
}

function rest(range: KeyRange, covered: TextRange, reverse: boolean): KeyRange {
  return reverse
    ? { start: range.start, end: textKey(covered.start) }
    : { start: textKey(covered.end), end: range.end };
}
