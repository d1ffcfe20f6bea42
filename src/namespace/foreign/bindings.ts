import { Fault } from '../../fault.ts';
import type { Kv, KvTransaction } from '../../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../../limits.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import { allBindings, bindingKey, bucketOfBindingKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { decodeBinding, encodeBinding, type Binding } from './records.ts';

/** The attached buckets: rows of the store, all of them in memory. */
export class Bindings {
  readonly #byBucket = new Map<Ino, Binding>();

  static async open(kv: Kv): Promise<Bindings> {
    const bindings = new Bindings();
    for await (const page of kv.scan(allBindings(), { pageEntries: PAGE_ENTRIES_MAX })) {
      for (const { key, value } of page) {
        const binding = decodeBinding(bucketOfBindingKey(key), value);
        bindings.#byBucket.set(binding.bucket, binding);
      }
    }
    return bindings;
  }

  get count(): number {
    return this.#byBucket.size;
  }

  /** By name of the bucket. */
  list(): readonly Binding[] {
    return [...this.#byBucket.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  of(bucket: Ino): Binding | undefined {
    return this.#byBucket.get(bucket);
  }

  byId(id: BindingId): Binding | undefined {
    return [...this.#byBucket.values()].find((binding) => binding.id === id);
  }

  /** Fault('read-only', 'bucket') where nothing may be changed. */
  requireWritable(bucket: Ino): void {
    const binding = this.of(bucket);
    if (binding?.access !== 'read-only') return;
    throw new Fault('read-only', 'bucket', `The bucket ${binding.name} is attached for reading only.`);
  }

  put(tx: KvTransaction, binding: Binding): void {
    tx.put(bindingKey(binding.bucket), encodeBinding(binding));
    tx.whenCommitted(() => this.#byBucket.set(binding.bucket, binding));
  }

  /** As its row is in this transaction: what others have changed meanwhile stays. Nothing for a bucket that is attached no more. */
  async change(
    tx: KvTransaction,
    bucket: Ino,
    change: Partial<Pick<Binding, 'state' | 'refreshedAt'>>,
  ): Promise<void> {
    const row = await tx.get(bindingKey(bucket));
    if (row !== undefined) this.put(tx, { ...decodeBinding(bucket, row), ...change });
  }

  delete(tx: KvTransaction, { bucket }: Binding): void {
    tx.delete(bindingKey(bucket));
    tx.whenCommitted(() => this.#byBucket.delete(bucket));
  }
}
