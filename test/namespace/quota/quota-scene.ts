import type { Ino, Bucket, Caller } from '../../../src/namespace/namespace.ts';
import type { QuotaBucket, QuotaSubject } from '../../../src/namespace/quota/quota.ts';
import type { BucketRules } from '../../../src/namespace/version.ts';
import { bytes, openWorld, plainFacet, root, settle, type Stack, type World } from '../world.ts';

const only = ({ ino, name }: Bucket): QuotaBucket => ({ ino, name });

export const bucketQuota = (bucket: Bucket): QuotaSubject => ({ kind: 'bucket', bucket: only(bucket) });
export const userQuota = (id: number, bucket?: Bucket): QuotaSubject => ({
  kind: 'user',
  id,
  bucket: bucket && only(bucket),
});
export const groupQuota = (id: number, bucket?: Bucket): QuotaSubject => ({
  kind: 'group',
  id,
  bucket: bucket && only(bucket),
});

/** As the S3 door has it. */
export const s3As = (uid: number, gid = uid): Caller => ({ uid, gid, groups: [], bypassesModes: true });

/** One bucket, and what tests of quotas do to it through both doors. */
export class QuotaScene<Given extends Stack = World> {
  readonly world: Given;
  readonly bucket: Bucket;

  constructor(world: Given, bucket: Bucket) {
    this.world = world;
    this.bucket = bucket;
  }

  static async open(rules: Partial<BucketRules> = {}): Promise<QuotaScene> {
    const world = await openWorld();
    const bucket = await world.namespace.objects.createBucket(root, 'b');
    if (rules.versioning !== undefined) await world.namespace.objects.changeBucketRules(bucket, rules);
    return new QuotaScene(world, bucket);
  }

  /** Bytes and inodes. */
  used(subject: QuotaSubject = bucketQuota(this.bucket)): readonly [number, number] {
    const { used } = this.world.namespace.quotas.get(subject);
    return [used.bytes, used.inodes];
  }

  limit(hard: number, subject: QuotaSubject = bucketQuota(this.bucket)): Promise<unknown> {
    return this.world.namespace.quotas.set(subject, { bytes: { hard } });
  }

  limitInodes(hard: number, subject: QuotaSubject = bucketQuota(this.bucket)): Promise<unknown> {
    return this.world.namespace.quotas.set(subject, { inodes: { hard } });
  }

  async put(key: string, length: number, caller: Caller = root): Promise<Ino> {
    const { objects } = this.world.namespace;
    const draft = await objects.draft(caller);
    try {
      await draft.write([Buffer.alloc(length, 'x')]);
      const to = { bucket: this.bucket.ino, key: bytes(key), facet: plainFacet(key), expect: {} };
      return (await objects.attach(caller, draft, to)).attributes.ino;
    } catch (fault) {
      await draft.discard();
      throw fault;
    }
  }

  remove(key: string): Promise<unknown> {
    return this.world.namespace.objects.removeKey({ ...this.at(key), expect: {} });
  }

  at(key: string): { readonly bucket: Ino; readonly key: Uint8Array } {
    return { bucket: this.bucket.ino, key: bytes(key) };
  }

  place(name: string): { readonly directory: Ino; readonly name: Uint8Array } {
    return { directory: this.bucket.ino, name: bytes(name) };
  }

  async create(name: string, caller: Caller = root): Promise<Ino> {
    const request = { mode: { how: 'guarded' }, wish: { mode: 0o644 } } as const;
    return (await this.world.namespace.files.create(caller, this.place(name), request)).attributes.ino;
  }

  write(ino: Ino, length: number, { offset = 0, stable = false, caller = root } = {}): Promise<unknown> {
    const request = { offset, data: Buffer.alloc(length, 'y'), stable };
    return this.world.namespace.files.write(caller, ino, request);
  }

  async upload(key: string, caller: Caller = root): Promise<string> {
    const given = { facet: plainFacet(key), checksum: undefined };
    const made = await this.world.namespace.objects.createUpload(caller, { ...this.at(key), ...given });
    return made.uploadId;
  }

  async part(key: string, uploadId: string, part: { number: number; length: number }): Promise<void> {
    const { objects } = this.world.namespace;
    const draft = await objects.draft(root);
    try {
      await draft.write([Buffer.alloc(part.length, 'z')]);
      const given = { number: part.number, etag: `part-${part.number}`, checksums: [] };
      await objects.putPart({ ...this.at(key), uploadId }, draft, given);
    } catch (fault) {
      await draft.discard();
      throw fault;
    }
  }

  complete(key: string, uploadId: string, numbers: readonly number[]): Promise<unknown> {
    const parts = numbers.map((number) => ({ number, etag: `part-${number}` }));
    const given = { ...this.at(key), uploadId, parts, facet: plainFacet(key), expect: {} };
    return this.world.namespace.objects.completeUpload(root, given);
  }

  settle(): Promise<void> {
    return settle(this.world);
  }
}
