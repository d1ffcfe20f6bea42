import assert from 'node:assert';
import type { Random } from '../environment.ts';
import type { KvEngine, Page, PageOptions, Write } from './engine.ts';
import { keyText, type KeyText } from './key-text.ts';
import type { Entry, Key, KeyRange, Value } from './kv.ts';
import { SortedTexts } from './sorted-texts.ts';

export interface MemoryOptions {
  /** Latency: called once for each read and for each group of writes; `undefined` means at once. */
  readonly delay?: (operation: 'read' | 'write') => Promise<void> | undefined;
  /** Called once for each group of writes; what it returns is what the writes of the group reject with. */
  readonly writeFailure?: () => Error | undefined;
}

interface Queued {
  readonly batch: readonly Write[];
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Reference engine in memory with a crash model. Writes that arrive while a group is under way form the next group, as
 * in the real engine. A group becomes visible when its delay is over, and durable with all before it when one of its
 * batches asks for that.
 */
export class MemoryEngine implements KvEngine {
  readonly #options: MemoryOptions;
  readonly #visible = new Rows();
  readonly #durable = new Map<KeyText, Entry>();
  /** Every batch after the last durable point in the order of the calls, whether visible yet or not. */
  #pending: (readonly Write[])[] = [];
  #queue: Queued[] = [];
  #isDraining = false;
  #looksFirst = true;
  #end: 'closed' | 'crashed' | undefined;

  constructor(options: MemoryOptions = {}, contents: Iterable<Entry> = []) {
    this.#options = options;
    const batch = [...contents];
    this.#visible.apply(batch);
    applyTo(this.#durable, batch);
  }

  getMany(keys: readonly Key[]): readonly (Value | undefined)[] | Promise<readonly (Value | undefined)[]> {
    const read = (): readonly (Value | undefined)[] => {
      this.#checkOpen();
      return keys.map((key) => this.#visible.get(keyText(key))?.value);
    };
    return this.#delayed(read);
  }

  page(range: KeyRange, options: PageOptions): Page | Promise<Page> {
    const read = (): Page => {
      this.#checkOpen();
      return this.#visible.page(range, options);
    };
    return this.#delayed(read);
  }

  write(batch: readonly Write[], durable: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#pending.push(batch);
      this.#queue.push({ batch, durable, resolve, reject });
      if (!this.#isDraining) void this.#drain();
    });
  }

  sync(): Promise<void> {
    return this.write([], true);
  }

  close(): Promise<void> {
    assert(!this.#isDraining, 'closed while writes are under way');
    this.#end ??= 'closed';
    return Promise.resolve();
  }

  /**
   * What a power loss at this moment leaves: everything up to the last durable point and a random number of the batches
   * after it, in order and whole. This engine is dead afterwards.
   */
  crash(random: Random, options: MemoryOptions = this.#options): MemoryEngine {
    this.#end = 'crashed';
    const survivors = random.below(this.#pending.length + 1);
    const contents = new Map(this.#durable);
    for (const batch of this.#pending.slice(0, survivors)) applyTo(contents, batch);
    return new MemoryEngine(options, contents.values());
  }

  /** By turns a read looks at the rows after its delay or before it: an answer may be an old one when it comes. */
  #delayed<T>(read: () => T): T | Promise<T> {
    const delay = this.#options.delay?.('read');
    if (delay === undefined) return read();
    this.#looksFirst = !this.#looksFirst;
    if (!this.#looksFirst) return delay.then(read);
    const answer = read();
    return delay.then(() => answer);
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#queue.length > 0) {
      const delay = this.#options.delay?.('write');
      const group = delay === undefined ? this.#queue : await delay.then(() => this.#queue);
      this.#queue = [];
      const failure = this.#end === undefined ? this.#options.writeFailure?.() : new Error(this.#end);
      if (failure === undefined) this.#apply(group);
      for (const { resolve, reject } of group) {
        if (failure === undefined) resolve();
        else reject(failure);
      }
    }
    this.#isDraining = false;
  }

  #apply(group: readonly Queued[]): void {
    for (const { batch } of group) this.#visible.apply(batch);
    if (!group.some(({ durable }) => durable)) return;
    for (const batch of this.#pending.splice(0)) applyTo(this.#durable, batch);
  }

  #checkOpen(): void {
    if (this.#end !== undefined) throw new Error(this.#end);
  }
}

function applyTo(contents: Map<KeyText, Entry>, batch: readonly Write[]): void {
  for (const { key, value } of batch) {
    if (value === undefined) contents.delete(keyText(key));
    else contents.set(keyText(key), { key, value });
  }
}

/** A sorted map. */
class Rows {
  readonly #entries = new Map<KeyText, Entry>();
  readonly #order = new SortedTexts();

  get(text: KeyText): Entry | undefined {
    return this.#entries.get(text);
  }

  apply(batch: readonly Write[]): void {
    const fresh = new Set<KeyText>();
    const gone = new Set<KeyText>();
    for (const { key, value } of batch) {
      const text = keyText(key);
      const isThere = this.#entries.has(text);
      if (value === undefined) this.#entries.delete(text);
      else this.#entries.set(text, { key, value });
      if (isThere === (value !== undefined)) continue;
      // Put and deleted in one batch, or the other way round: its place in the order stays as it was.
      const [undo, change] = value === undefined ? [fresh, gone] : [gone, fresh];
      if (!undo.delete(text)) change.add(text);
    }
    this.#order.remove([...gone]);
    this.#order.insert([...fresh]);
  }

  page(range: KeyRange, options: PageOptions): Page {
    const { reverse, entriesMax, bytesMax } = options;
    const bounds = { start: keyText(range.start), end: keyText(range.end) };
    const texts = this.#order.some(bounds, entriesMax + 1, reverse);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const text of texts) {
      if (entries.length === entriesMax || bytes >= bytesMax) break;
      const entry = this.#entries.get(text) as Entry;
      entries.push(entry);
      bytes += entry.key.length + entry.value.length;
    }
    return { entries, isLast: entries.length === texts.length };
  }
}
