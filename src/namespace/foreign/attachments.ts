import { Fault } from '../../fault.ts';
import {
  AGAIN_COUNTED_MAX,
  ATTACHED_REST_MS,
  CHANGED_WAITING_MAX,
  DETACH_REST_MS,
} from '../../limits/tiering.ts';
import type { BlobId } from '../../tiering/blobs.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import { loadDirectory } from '../attributes.ts';
import { bindingKey, dentryRange, folderKey } from '../keys.ts';
import type { Bucket, Ino, ObjectAt } from '../namespace.ts';
import type { AttachedBucket, AttachedBuckets, NewBinding } from './attached.ts';
import { countAgain, lookAgain, orderAgain } from './again.ts';
import { bringWay, reached, type NameParts } from './bring-name.ts';
import { cutAround } from './cut.ts';
import { changedOutside } from './describe.ts';
import { Detaching, type DetachParts } from './detach.ts';
import { decodeFolder, encodeFolder, type Binding } from './records.ts';

const NOTHING = new Uint8Array(0);
const SLASH = 0x2f;

/** The life of attached buckets: rows, and the work that follows from them in the background. */
export class Attachments implements AttachedBuckets {
  readonly #parts: NameParts & DetachParts;
  readonly #detaching = new Map<Ino, Detaching>();
  /** Not before this: the store did not answer, or somebody must act. */
  readonly #rests = new Map<Ino, number>();
  /** Of whose refresh it is not known that it is over. */
  readonly #refreshing: Set<Ino>;
  /** Work that reads have made: looks at objects that were changed, by binding and key, and cuts of blobs. */
  readonly #looking = new Map<string, Promise<void>>();

  constructor(parts: NameParts & DetachParts) {
    this.#parts = parts;
    this.#refreshing = new Set(parts.bindings.list().map(({ bucket }) => bucket));
    parts.foreign.whenChanged((binding, key) => this.#changed(binding, key));
    parts.foreign.whenTooLong((blob, offset) => this.#tooLong(blob, offset));
  }

  async list(): Promise<readonly AttachedBucket[]> {
    const { kv, bindings } = this.#parts;
    return Promise.all(
      bindings.list().map(async (binding) => ({
        ...binding,
        foldersWaiting: await countAgain(kv, binding.bucket, AGAIN_COUNTED_MAX),
        blobsLeft: this.#detaching.get(binding.bucket)?.left,
      })),
    );
  }

  isAttached(bucket: Ino): boolean {
    return this.#parts.bindings.of(bucket) !== undefined;
  }

  isNeeded(id: BindingId): boolean {
    return this.#parts.bindings.byId(id) !== undefined;
  }

  async attach({ ino, name }: Pick<Bucket, 'ino' | 'name'>, wish: NewBinding): Promise<void> {
    const { kv, bindings, environment } = this.#parts;
    const { id, prefix } = wish;
    await kv.transact('durable', async (tx) => {
      await loadDirectory(tx, ino);
      if ((await tx.get(bindingKey(ino))) !== undefined) throw new Fault('exists', 'bucket', name);
      for await (const _page of tx.scan(dentryRange(ino, NOTHING, NOTHING), { pageEntries: 1 }))
        throw new Fault('not-empty', 'bucket', name);
      const attachedAt = environment.clock.wall();
      const fresh = { state: 'attached', attachedAt, refreshedAt: undefined } as const;
      bindings.put(tx, { ...wish, ...fresh, bucket: ino, name });
      tx.put(folderKey(ino), encodeFolder({ binding: id, prefix, after: '', isWhole: false }));
    });
  }

  async detach(bucket: Ino): Promise<void> {
    const { kv, bindings } = this.#parts;
    this.#required(bucket);
    this.#rests.delete(bucket);
    await kv.transact('durable', (tx) => bindings.change(tx, bucket, { state: 'detaching' }));
  }

  async refresh({ bucket, key }: ObjectAt): Promise<void> {
    const { kv, absent } = this.#parts;
    const binding = this.#required(bucket);
    if (binding.state === 'detaching') throw new Fault('conflict', 'bucket', binding.name);
    absent.clear();
    this.#rests.delete(bucket);
    const isWhole = key.length === 0 || key.at(-1) === SLASH;
    const at = { bucket, key: isWhole ? key : Buffer.concat([key, Uint8Array.of(SLASH)]) };
    await bringWay(this.#parts, at);
    await kv.transact('durable', async (tx) => {
      const { directory, rest } = await reached(tx, at);
      const row = rest.length === 0 ? await tx.get(folderKey(directory)) : undefined;
      if (row === undefined) throw new Fault('not-found', 'object', Buffer.from(at.key).toString());
      orderAgain(tx, bucket, { directory, prefix: decodeFolder(row).prefix });
      tx.whenCommitted(() => this.#refreshing.add(bucket));
    });
  }

  async step(): Promise<'busy' | 'idle'> {
    const { bindings, environment } = this.#parts;
    let isBusy = false;
    for (const binding of bindings.list()) {
      const now = environment.clock.monotonic();
      if ((this.#rests.get(binding.bucket) ?? 0) > now) continue;
      const isDetaching = binding.state === 'detaching';
      const unit = isDetaching ? this.#detachSome(binding) : this.#refreshSome(binding);
      isBusy = (await unit.catch((cause: unknown) => this.#away(binding, cause))) || isBusy;
    }
    return isBusy ? 'busy' : 'idle';
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#looking.values());
  }

  #required(bucket: Ino): Binding {
    const binding = this.#parts.bindings.of(bucket);
    if (binding === undefined) throw new Fault('not-found', 'bucket', String(bucket));
    return binding;
  }

  async #refreshSome(binding: Binding): Promise<boolean> {
    const { kv, bindings, environment } = this.#parts;
    const { bucket } = binding;
    // Before the look: what is ordered meanwhile is looked at next.
    if (!this.#refreshing.delete(bucket)) return false;
    let isOver = false;
    try {
      isOver = !(await lookAgain(this.#parts, binding));
    } finally {
      if (!isOver) this.#refreshing.add(bucket);
    }
    if (!isOver) return true;
    const refreshedAt = environment.clock.wall();
    await kv.transact('buffered', (tx) => bindings.change(tx, bucket, { refreshedAt }));
    return false;
  }

  async #detachSome(binding: Binding): Promise<boolean> {
    const { kv, bindings, environment } = this.#parts;
    const { bucket } = binding;
    const detaching = this.#detaching.get(bucket) ?? new Detaching(this.#parts, binding);
    this.#detaching.set(bucket, detaching);
    const outcome = await detaching.step();
    if (outcome === 'busy') return true;
    if (outcome === 'waiting') {
      this.#rests.set(bucket, environment.clock.monotonic() + DETACH_REST_MS);
      return false;
    }
    await kv.transact('durable', async (tx) => bindings.delete(tx, binding));
    this.#detaching.delete(bucket);
    environment.log.info('a bucket is detached', { bucket: binding.name });
    return true;
  }

  /** What the store does not answer now is asked for later; that it is away is told elsewhere. */
  #away({ bucket, name }: Binding, cause: unknown): boolean {
    if (!(cause instanceof Fault)) throw cause;
    const { clock, log } = this.#parts.environment;
    this.#rests.set(bucket, clock.monotonic() + ATTACHED_REST_MS);
    log.warn('work on an attached bucket waits', { bucket: name, reason: cause.message });
    return false;
  }

  #changed(binding: BindingId, key: string): void {
    this.#inBackground(`${binding}:${key}`, 'an object that was changed outside cannot be looked at', () =>
      changedOutside(this.#parts, { binding, key }),
    );
  }

  /** From then on its pieces there are blobs that can have copies here. */
  #tooLong(blob: BlobId, offset: number): void {
    this.#inBackground(`blob ${blob}`, 'a long object cannot be kept here in part', async () => {
      await cutAround(this.#parts, blob, offset);
    });
  }

  /** Once at a time; what fails is tried again when somebody meets it again. */
  #inBackground(name: string, trouble: string, work: () => Promise<void>): void {
    if (this.#looking.has(name) || this.#looking.size >= CHANGED_WAITING_MAX) return;
    const looking = work()
      .catch((cause: unknown) => {
        if (!(cause instanceof Fault)) throw cause;
        this.#parts.environment.log.warn(trouble, { name, reason: cause.message });
      })
      .finally(() => this.#looking.delete(name));
    this.#looking.set(name, looking);
  }
}
