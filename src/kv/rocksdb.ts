import { Fault } from '../fault.ts';
import * as limits from '../limits.ts';
import { loadNative, type NativeKv } from '../native.ts';
import type { KvEngine, Page, PageOptions, Write } from './engine.ts';
import type { Key, KeyRange, Value } from './kv.ts';
import { packBatch, packKeys, unpackPage, unpackValues } from './packing.ts';

export interface RocksdbOptions {
  /** The library's file, when it is not under one of its usual names. */
  readonly library?: string;
  readonly blockCacheBytes?: number;
}

/**
 * RocksDB in this process, over one directory whose parent exists. Reads answer at once from memory and by a promise
 * from disk. A thread of its own writes: batches that arrive during one durable write share the next one.
 * Faults: 'unavailable' when the library is missing or the directory is in use (the detail is a sentence for the user),
 * and with RocksDB's own text for everything that fails later; 'corrupt' where RocksDB says so.
 */
export async function openRocksdb(directory: string, options: RocksdbOptions = {}): Promise<KvEngine> {
  const writes = new PendingWrites();
  const settings = {
    directory,
    ...(options.library !== undefined && { library: options.library }),
    blockCacheBytes: options.blockCacheBytes ?? limits.ROCKSDB_BLOCK_CACHE_BYTES,
    memtableBytes: limits.ROCKSDB_MEMTABLE_BYTES,
    openFilesMax: limits.ROCKSDB_OPEN_FILES_MAX,
  };
  const opening = loadNative().kvOpen(settings, (count, failure) => {
    writes.settle(count, failure);
  });
  return new RocksdbEngine(await translated(opening), writes);
}

class RocksdbEngine implements KvEngine {
  readonly #native: NativeKv;
  readonly #writes: PendingWrites;

  constructor(native: NativeKv, writes: PendingWrites) {
    this.#native = native;
    this.#writes = writes;
    writes.submit = (rows, durable) => native.write(packBatch(rows), durable);
  }

  getMany(keys: readonly Key[]): readonly (Value | undefined)[] | Promise<readonly (Value | undefined)[]> {
    const packed = packKeys(keys);
    const read = translatedNow(() => this.#native.getMany(packed));
    if (read !== null) return unpackValues(read, keys.length);
    return translated(this.#native.getManyFromDisk(packed)).then((found) => unpackValues(found, keys.length));
  }

  page({ start, end }: KeyRange, options: PageOptions): Page | Promise<Page> {
    const read = translatedNow(() => this.#native.page(start, end, options));
    if (read !== null) return unpackPage(read);
    return translated(this.#native.pageFromDisk(start, end, options)).then(unpackPage);
  }

  write(batch: readonly Write[], durable: boolean): Promise<void> {
    return this.#writes.add(batch, durable);
  }

  sync(): Promise<void> {
    return this.write([], true);
  }

  async close(): Promise<void> {
    this.#writes.send();
    await translated(this.#native.close());
  }
}

/** Writes that go to the engine as one when the turn of the event loop ends. */
interface Gathering {
  readonly rows: Write[];
  durable: boolean;
  /** Of all of them together. */
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: Fault) => void;
}

/**
 * The promises of writes that are under way, in the order of the calls, which is that of the answers. Commits of one turn of the event loop
 * cross the border together and share one synced write, rather than the first one having it alone.
 */
class PendingWrites {
  /** Those that were handed over. */
  readonly #sent: Gathering[] = [];
  #gathering: Gathering | undefined;
  /** Hands a batch to the engine. */
  submit: (rows: readonly Write[], durable: boolean) => void = () => undefined;

  add(batch: readonly Write[], durable: boolean): Promise<void> {
    const gathering = (this.#gathering ??= this.#begin());
    for (const row of batch) gathering.rows.push(row);
    gathering.durable ||= durable;
    return gathering.done;
  }

  /** Hands over what has been gathered. */
  send(): void {
    const gathering = this.#gathering;
    if (gathering === undefined) return;
    this.#gathering = undefined;
    const { rows, durable, reject } = gathering;
    try {
      translatedNow(() => this.submit(rows, durable));
    } catch (cause) {
      reject(cause as Fault);
      return;
    }
    this.#sent.push(gathering);
  }

  settle(count: number, failure: string | undefined | null): void {
    const cause = failure == null ? undefined : faultOf(failure);
    for (const { resolve, reject } of this.#sent.splice(0, count)) {
      if (cause === undefined) resolve();
      else reject(cause);
    }
  }

  #begin(): Gathering {
    setImmediate(() => {
      this.send();
    });
    let resolve: () => void = () => undefined;
    let reject: (cause: Fault) => void = () => undefined;
    const done = new Promise<void>((fulfil, fail) => {
      resolve = fulfil;
      reject = fail;
    });
    return { rows: [], durable: false, done, resolve, reject };
  }
}

function faultOf(text: string, cause?: unknown): Fault {
  return new Fault(text.startsWith('Corruption') ? 'corrupt' : 'unavailable', 'store', text, { cause });
}

function translatedNow<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw faultOf(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function translated<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw faultOf(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
