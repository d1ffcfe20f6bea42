import { Fault } from '../../fault.ts';
import { PAGE_ENTRIES_MAX } from '../../limits.ts';
import type { ForeignBlobs } from '../../tiering/foreign/foreign-copies.ts';
import { ifStale, loadDirectory, loadInode } from '../attributes.ts';
import { findPosix, pairOf } from '../find.ts';
import { allUnlisted, directoryOfUnlistedKey, unlistedKey } from '../keys.ts';
import type { AttachedFolders, Bucket, Ino, ObjectAt, PosixName } from '../namespace.ts';
import type { Parts } from '../parts.ts';
import { listFolder } from './list-folder.ts';
import { encodeUnlisted, type Unlisted } from './records.ts';

const SLASH = 0x2f;

type Given = Pick<Parts, 'kv' | 'sequence' | 'environment'> & { readonly foreign: ForeignBlobs };

/**
 * Directories that stand for folders of attached buckets, listed when somebody looks into them. What a call works on must
 * have been listed before it begins, since transactions wait for no store. Faults of the store.
 */
export class Folders implements AttachedFolders {
  readonly #parts: Given;
  readonly #listing = new Map<Ino, Promise<void>>();
  /** Without any, nobody pays for a look. */
  #hasAny: boolean;

  private constructor(parts: Given, hasAny: boolean) {
    this.#parts = parts;
    this.#hasAny = hasAny;
  }

  static async open(parts: Given): Promise<Folders> {
    for await (const _page of parts.kv.scan(allUnlisted(), { pageEntries: 1 }))
      return new Folders(parts, true);
    return new Folders(parts, false);
  }

  async attach(bucket: Pick<Bucket, 'ino' | 'name'>, folder: Omit<Unlisted, 'after'>): Promise<void> {
    this.#hasAny = true;
    await this.#parts.kv.transact('durable', async (tx) => {
      await loadDirectory(tx, bucket.ino);
      const key = unlistedKey(bucket.ino);
      if ((await tx.get(key)) !== undefined) throw new Fault('exists', 'bucket', bucket.name);
      tx.put(key, encodeUnlisted({ ...folder, after: '' }));
    });
  }

  /** Resolves when a directory has all entries that it is going to get from its folder. */
  async list(directory: Ino): Promise<void> {
    if (!this.#hasAny) return;
    const running = this.#listing.get(directory);
    if (running !== undefined) return running;
    const listing = this.#listToEnd(directory);
    this.#listing.set(directory, listing);
    try {
      await listing;
    } finally {
      this.#listing.delete(directory);
    }
  }

  /** The directory, and the one of that name in it if there is any. */
  async listBelow(directory: Ino, name: PosixName): Promise<void> {
    if (!this.#hasAny) return;
    await this.list(directory);
    const found = await findPosix(this.#parts.kv, directory, name);
    if (found?.dentry.kind === 'directory') await this.list(found.dentry.ino);
  }

  /** All directories on the way to a key. */
  async listTo({ bucket, key }: ObjectAt): Promise<void> {
    if (!this.#hasAny) return;
    let directory = bucket;
    let start = 0;
    for (let slash = key.indexOf(SLASH); ; slash = key.indexOf(SLASH, start)) {
      await this.list(directory);
      if (slash < 0) return;
      const pair = await pairOf(this.#parts.kv, directory, key.subarray(start, slash));
      if (pair.directory === undefined) return;
      directory = pair.directory.ino;
      start = slash + 1;
    }
  }

  /** All of a bucket: for one who looks at it in one moment. */
  async listAll(bucket: Ino): Promise<void> {
    if (!this.#hasAny) return;
    let isWhole = false;
    while (!isWhole) {
      isWhole = true;
      for await (const page of this.#parts.kv.scan(allUnlisted(), { pageEntries: PAGE_ENTRIES_MAX })) {
        for (const { key } of page) {
          const directory = directoryOfUnlistedKey(key);
          const inode = await loadInode(this.#parts.kv, directory).catch(ifStale);
          if (inode?.bucket !== bucket && directory !== bucket) continue;
          isWhole = false;
          await this.list(directory);
        }
      }
    }
  }

  async #listToEnd(directory: Ino): Promise<void> {
    let hasMore = true;
    while (hasMore) hasMore = await listFolder(this.#parts, directory);
  }
}
