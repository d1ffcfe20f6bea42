import type {
  Durability,
  Entry,
  Key,
  KeyRange,
  Kv,
  KvReader,
  KvTransaction,
  ScanOptions,
  Value,
} from '../../src/kv/kv.ts';

type Delay = (label: string) => Promise<void>;

/** A store whose every read waits, also one that a cache would answer at once: others get in between any two of them. */
export const slowKv = (kv: Kv, delay: Delay): Kv => ({
  ...slowReads(kv, delay),
  transact: <T>(durability: Durability, body: (tx: KvTransaction) => Promise<T>) =>
    kv.transact(durability, (tx) => body(slowTransaction(tx, delay))),
  sync: () => kv.sync(),
  get hasStopped() {
    return kv.hasStopped;
  },
  close: () => kv.close(),
});

const slowTransaction = (tx: KvTransaction, delay: Delay): KvTransaction => ({
  ...slowReads(tx, delay),
  put: (key, value) => tx.put(key, value),
  delete: (key) => tx.delete(key),
  merge: (key, operand) => tx.merge(key, operand),
  whenCommitted: (effect) => tx.whenCommitted(effect),
});

const slowReads = (reader: KvReader, delay: Delay): KvReader => ({
  async get(key: Key): Promise<Value | undefined> {
    await delay('get');
    return reader.get(key);
  },
  async getMany(keys: readonly Key[]): Promise<readonly (Value | undefined)[]> {
    await delay('getMany');
    return reader.getMany(keys);
  },
  async *scan(range: KeyRange, options: ScanOptions): AsyncIterable<readonly Entry[]> {
    await delay('scan');
    for await (const page of reader.scan(range, options)) {
      yield page;
      await delay('scan');
    }
  },
});
