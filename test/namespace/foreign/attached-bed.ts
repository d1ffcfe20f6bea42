import type { Bucket, WalkOptions } from '../../../src/namespace/namespace.ts';
import type { AttachedAccess } from '../../../src/namespace/foreign/records.ts';
import { exact } from '../../../src/tiering/cold/layers/exact.ts';
import { MemoryObjectStore } from '../../../src/tiering/cold/memory-object-store.ts';
import { layered, surrounding } from '../../../src/tiering/cold/object-store.ts';
import type { BindingId } from '../../../src/tiering/foreign/foreign-records.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { bytes, openWorld, s3, settle, text, type World } from '../world.ts';

export const binding = 3 as BindingId;
const { signal } = new AbortController();

/** A bucket of ours, `ours`, that shows what lies below `data/` in one of others. */
export class AttachedBed {
  world: World;
  readonly bucket: Bucket;
  readonly theirs: MemoryObjectStore;
  /** What was asked of the others' store, by operation and key. */
  asked: string[] = [];
  /** Holds an answer of the others' store back. */
  slow: (operation: string) => Promise<void> = () => Promise.resolve();

  private constructor(world: World, bucket: Bucket, theirs: MemoryObjectStore) {
    this.world = world;
    this.bucket = bucket;
    this.theirs = theirs;
    this.#bind();
  }

  static async open(keys: readonly string[] = [], access: AttachedAccess = 'local'): Promise<AttachedBed> {
    const world = await openWorld();
    const theirs = new MemoryObjectStore({ clock: world.clock, random: seededRandom(2) });
    const bucket = await world.namespace.objects.createBucket(s3, 'ours');
    const bed = new AttachedBed(world, bucket, theirs);
    for (const key of keys) await bed.upload(key);
    await bed.attach(access);
    return bed;
  }

  attach(access: AttachedAccess = 'local'): Promise<void> {
    const { attachments } = this.world.namespace;
    return attachments.attach(this.bucket, {
      id: binding,
      prefix: 'data/',
      place: 's3://theirs/data',
      access,
    });
  }

  async upload(key: string, content = `content of ${key}`): Promise<void> {
    const body = bytes(content);
    const { crc64nvme = body } = referenceCompute().digest(['crc64nvme'], [body]);
    await this.remove(key);
    await this.theirs.put(`data/${key}`, { bytes: body, crc64nvme, condition: { kind: 'absent' } }, signal);
  }

  /** There. */
  remove(key: string): Promise<void> {
    return this.theirs.delete(`data/${key}`, signal);
  }

  /** Here, over S3. */
  async delete(key: string): Promise<void> {
    const at = { bucket: this.bucket.ino, key: bytes(key), expect: {} };
    await this.world.namespace.objects.removeKey(at);
  }

  /** All keys that a listing shows, in pages. */
  async listed(prefix = '', delimiter?: string, entriesMax = 3): Promise<readonly string[]> {
    const found: string[] = [];
    let after: Uint8Array | undefined = new Uint8Array(0);
    while (after !== undefined) {
      const by = delimiter === undefined ? undefined : bytes(delimiter);
      const options: WalkOptions = { prefix: bytes(prefix), after, delimiter: by, entriesMax };
      const page: Awaited<ReturnType<World['namespace']['objects']['list']>> =
        await this.world.namespace.objects.list(this.bucket.ino, options);
      found.push(...page.entries.map((it) => text(it.kind === 'object' ? it.key : it.prefix)));
      after = page.next;
    }
    return found;
  }

  /** What was asked since the last look. */
  newlyAsked(): readonly string[] {
    const { asked } = this;
    this.asked = [];
    return asked;
  }

  /** Background work until there is none. */
  async work(): Promise<void> {
    const { attachments } = this.world.namespace;
    while ((await attachments.step()) === 'busy') await settle(this.world);
    await settle(this.world);
  }

  async refresh(folder = ''): Promise<void> {
    await this.world.namespace.attachments.refresh({ bucket: this.bucket.ino, key: bytes(folder) });
    await this.work();
  }

  async reopen(): Promise<void> {
    this.world = await openWorld(this.world);
    this.#bind();
  }

  /** With what was durable. */
  async crash(seed = 1): Promise<void> {
    const { engine, device } = this.world;
    this.world = await openWorld({ engine: engine.crash(seededRandom(seed)), device });
    this.#bind();
  }

  #bind(): void {
    const watching = surrounding(async ({ name, key }, abort, call) => {
      this.asked.push(`${name} ${key}`);
      const answering = call(abort);
      answering.catch(() => undefined);
      await this.slow(`${name} ${key}`);
      return answering;
    });
    this.world.tiering.foreign.bind(binding, layered(this.theirs, [watching, exact()]));
  }
}
