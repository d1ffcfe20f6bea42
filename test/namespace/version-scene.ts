import assert from 'node:assert/strict';
import { VERSION_QUIET_SECONDS } from '../../src/limits.ts';
import type { Place } from '../../src/namespace/file-tree.ts';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import type { BucketRules, VersionId } from '../../src/namespace/version.ts';
import { bytes, openWorld, put, root, text, type World } from './world.ts';

/** One version as a listing shows it. */
export interface Shown {
  readonly key: string;
  readonly content: string;
  readonly isLatest: boolean;
  readonly isNull: boolean;
}

/** A bucket with versions, and what tests do to it through both doors. */
export class Scene {
  readonly world: World;
  readonly bucket: Bucket;

  constructor(world: World, bucket: Bucket) {
    this.world = world;
    this.bucket = bucket;
  }

  static async open(rules: Partial<BucketRules> = { versioning: 'enabled' }): Promise<Scene> {
    const world = await openWorld();
    const { objects } = world.namespace;
    const bucket = await objects.createBucket(root, 'b');
    await objects.changeBucketRules(bucket, rules);
    return new Scene(world, bucket);
  }

  at(key: string, versionId?: VersionId): { bucket: Ino; key: Uint8Array; versionId?: VersionId } {
    const at = { bucket: this.bucket.ino, key: bytes(key) };
    return versionId === undefined ? at : { ...at, versionId };
  }

  place = (name: string): Place => ({ directory: this.bucket.ino, name: bytes(name) });

  put = (key: string, content: string): Promise<unknown> => put(this.world, this.bucket, key, content);

  remove = (key: string, versionId?: VersionId): Promise<unknown> =>
    this.world.namespace.objects.removeKey({ ...this.at(key, versionId), expect: {} });

  pause(): void {
    this.world.clock.ms += VERSION_QUIET_SECONDS * 1000;
  }

  /** Writes at the end, as NFS does it, and commits. */
  async append(name: string, content: string): Promise<void> {
    const { files } = this.world.namespace;
    const { attributes } = await files.lookup(root, this.place(name));
    const request = { offset: attributes.size, data: bytes(content), stable: true };
    await files.write(root, attributes.ino, request);
  }

  async create(name: string, content: string): Promise<void> {
    const request = { mode: { how: 'guarded' as const }, wish: { mode: 0o644 } };
    await this.world.namespace.files.create(root, this.place(name), request);
    if (content !== '') await this.append(name, content);
  }

  async content(key: string, versionId?: VersionId): Promise<string | undefined> {
    const object = await this.world.namespace.objects.open(this.at(key, versionId));
    if (object === undefined) return undefined;
    const parts: Uint8Array[] = [];
    for await (const part of object.read(0, object.found.attributes.size)) parts.push(part);
    await object.close();
    return text(parts);
  }

  /** Everything there is, in pages of `entriesMax`. */
  async versions(entriesMax = 1000): Promise<readonly (Shown & { readonly versionId: VersionId })[]> {
    const shown: (Shown & { versionId: VersionId })[] = [];
    let after: { key: Uint8Array; versionId: VersionId | undefined } = {
      key: bytes(''),
      versionId: undefined,
    };
    for (;;) {
      const options = { prefix: bytes(''), delimiter: undefined, after, entriesMax };
      const page = await this.world.namespace.objects.versions(this.bucket.ino, options);
      for (const entry of page.entries) {
        assert(entry.kind !== 'prefix');
        const versionId = entry.kind === 'version' ? entry.found.versionId : entry.versionId;
        const key = text(entry.key);
        const content = entry.kind === 'version' ? await this.content(key, versionId) : 'marker';
        assert(content !== undefined);
        shown.push({ key, content, isLatest: entry.isLatest, isNull: versionId === 0, versionId });
        after = { key: entry.key, versionId };
      }
      if (!page.isTruncated) return shown;
    }
  }

  /** Newest first: content, `-` for a marker, `*` behind the latest, `0` behind the null version. */
  async history(key: string): Promise<string> {
    const all = (await this.versions()).filter((it) => it.key === key);
    return all
      .map(
        (it) =>
          (it.content === 'marker' ? '-' : it.content) + (it.isLatest ? '*' : '') + (it.isNull ? '0' : ''),
      )
      .join(' ');
  }
}
