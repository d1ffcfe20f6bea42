import { LIFECYCLES_CACHED_MAX } from '../limits.ts';
import type { Bucket, Ino, ObjectStore } from '../namespace/namespace.ts';
import type { Calendar } from './calendar.ts';
import type { LifecycleDocument } from './document.ts';
import type { Terms } from './due.ts';
import { lifecycleFrom, type Lifecycle } from './rules.ts';

interface Known {
  readonly bytes: Uint8Array;
  readonly lifecycle: Lifecycle;
}

/** The rules of buckets, parsed when they have changed and not for each request. */
export class RuleBook {
  readonly calendar: Calendar;
  readonly #objects: Pick<ObjectStore, 'bucketConfiguration'>;
  readonly #known = new Map<Ino, Known>();

  constructor(objects: Pick<ObjectStore, 'bucketConfiguration'>, calendar: Calendar) {
    this.#objects = objects;
    this.calendar = calendar;
  }

  /** `undefined` when the bucket has no rules, which costs no read: its own row says so. */
  async terms({ ino, configurations }: Pick<Bucket, 'ino' | 'configurations'>): Promise<Terms | undefined> {
    if (!configurations.includes('lifecycle')) return undefined;
    const bytes = await this.#objects.bucketConfiguration(ino, 'lifecycle');
    if (bytes === undefined) return undefined;
    return { lifecycle: this.#lifecycle(ino, bytes), calendar: this.calendar };
  }

  /** The store may hand out the same bytes again, or equal ones when a document is long. */
  #lifecycle(ino: Ino, bytes: Uint8Array): Lifecycle {
    const known = this.#known.get(ino);
    if (known !== undefined && (known.bytes === bytes || Buffer.compare(known.bytes, bytes) === 0))
      return known.lifecycle;
    const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as LifecycleDocument;
    const lifecycle = lifecycleFrom(document);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= LIFECYCLES_CACHED_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(ino, { bytes, lifecycle });
    return lifecycle;
  }
}
