import assert from 'node:assert/strict';
import type { KeyRange, Kv, KvReader, KvTransaction, ScanOptions } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import type { BucketRules } from '../../src/namespace/version.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { Scene } from './version-scene.ts';
import { memoryDevice, openStack, root, silent, TestClock } from './world.ts';

/** A store that tells of every read, inside transactions and outside. */
export class WatchedKv implements Kv {
  readonly #kv: Kv;
  /** Called between a read and its answer. */
  onRead: () => Promise<void> = () => Promise.resolve();

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  #reader(inner: KvReader): KvReader {
    const answered = async <T>(answer: Promise<T>): Promise<T> => {
      const value = await answer;
      await this.onRead();
      return value;
    };
    const pages = async function* (range: KeyRange, options: ScanOptions): ReturnType<KvReader['scan']> {
      for await (const page of inner.scan(range, options)) {
        await answered(Promise.resolve());
        yield page;
      }
      await answered(Promise.resolve());
    };
    return {
      get: (key) => answered(inner.get(key)),
      getMany: (keys) => answered(inner.getMany(keys)),
      scan: pages,
    };
  }

  get: Kv['get'] = (key) => this.#reader(this.#kv).get(key);
  getMany: Kv['getMany'] = (keys) => this.#reader(this.#kv).getMany(keys);
  scan: Kv['scan'] = (range, options) => this.#reader(this.#kv).scan(range, options);
  sync: Kv['sync'] = () => this.#kv.sync();
  close: Kv['close'] = () => this.#kv.close();
  get hasStopped(): boolean {
    return this.#kv.hasStopped;
  }

  transact: Kv['transact'] = (durability, body) =>
    this.#kv.transact(durability, (tx) => {
      const watched: KvTransaction = {
        ...this.#reader(tx),
        put: (key, value) => {
          tx.put(key, value);
        },
        delete: (key) => {
          tx.delete(key);
        },
        merge: (key, operand) => tx.merge(key, operand),
        whenCommitted: (effect) => {
          tx.whenCommitted(effect);
        },
      };
      return body(watched);
    });
}

/** A bucket over such a store. */
export async function openWatched(
  versioning: BucketRules['versioning'] = 'enabled',
): Promise<{ at: Scene; kv: WatchedKv }> {
  const media = { engine: new MemoryEngine(), device: memoryDevice() };
  const clock = new TestClock();
  const environment = { clock, random: seededRandom(1), log: silent };
  let watched: WatchedKv | undefined;
  const around = (kv: Kv): Kv => (watched = new WatchedKv(kv));
  const world = { ...media, clock, ...(await openStack({ ...media, environment, around })) };
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  await world.namespace.objects.changeBucketRules(bucket, { versioning });
  assert(watched !== undefined);
  return { at: new Scene(world, bucket), kv: watched };
}
