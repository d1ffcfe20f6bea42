import { wantedBy } from '../alias.ts';
import { loadInode } from '../attributes.ts';
import { findPosix } from '../find.ts';
import { dentryRange, entryOfDentryKey } from '../keys.ts';
import type { Ino, Name, ObjectAt, PosixName } from '../namespace.ts';
import { bringKey, bringName, bringWay, type NameParts } from './bring-name.ts';
import { compareKeys } from './brought-rows.ts';
import { describe } from './describe.ts';
import { textOf } from './key-text.ts';
import { listFolder, listWindow, pendingFolder } from './list-folder.ts';
import type { Folder } from './records.ts';

const NOTHING = new Uint8Array(0);

/** Where a listing is in a directory. */
export interface Reach {
  /** Only entries that begin with it. */
  readonly leaf: Uint8Array;
  /** From this entry on. */
  readonly first: Uint8Array;
}

/**
 * Directories that stand for folders of attached buckets, listed as far as somebody looks into them. What a call works on must
 * have come before it begins, since transactions wait for no store. Faults of the store.
 */
export class Folders {
  readonly #parts: NameParts;
  readonly #listing = new Map<Ino, Promise<void>>();

  constructor(parts: NameParts) {
    this.#parts = parts;
  }

  isAttached(bucket: Ino): boolean {
    return this.#parts.bindings.of(bucket) !== undefined;
  }

  /** Fault('read-only', 'bucket'). */
  requireWritable(bucket: Ino): void {
    this.#parts.bindings.requireWritable(bucket);
  }

  /** The same of what an inode is in. */
  async requireWritableAt(ino: Ino): Promise<void> {
    const { bindings, kv } = this.#parts;
    if (bindings.count > 0) this.requireWritable((await loadInode(kv, ino)).bucket);
  }

  /** The object of a key has come, if there is one. */
  async bringKey(at: ObjectAt): Promise<void> {
    if (this.isAttached(at.bucket)) await bringKey(this.#parts, at);
  }

  /** The same, and the directories on the way that are folders there. */
  async bringWay(at: ObjectAt): Promise<void> {
    if (this.isAttached(at.bucket)) await bringWay(this.#parts, at);
  }

  /** What a file of an attached bucket is beside its content is known. */
  async describe(ino: Ino): Promise<void> {
    await describe(this.#parts, ino);
  }

  /** What bears that name has come, both a file and a directory: one of them appears under another name then. */
  async bringName(directory: Ino, posixName: PosixName): Promise<void> {
    if ((await pendingFolder(this.#parts, directory)) === undefined) return;
    const wanted = wantedBy(posixName);
    if (wanted === undefined) return;
    // Of a digest nobody can tell the name.
    if (wanted.how === 'digest') return this.list(directory);
    await bringName(this.#parts, { directory, name: wanted.name }, 'both');
  }

  /** A directory of that name has come, if there is a folder. */
  async bringDirectory(directory: Ino, name: Name): Promise<void> {
    await bringName(this.#parts, { directory, name }, 'folder');
  }

  /** What has that name, and of a directory as much as tells whether it is empty. */
  async bringFilled(directory: Ino, posixName: PosixName): Promise<void> {
    await this.bringName(directory, posixName);
    if (this.#parts.bindings.count === 0) return;
    const found = await findPosix(this.#parts.kv, directory, posixName);
    if (found?.dentry.kind !== 'directory') return;
    const { ino } = found.dentry;
    while (!(await this.#isFilled(ino)) && (await this.listMore(ino)));
  }

  /** All of a directory has come. */
  async list(directory: Ino): Promise<void> {
    while (await this.listMore(directory));
  }

  /** One page more of a directory has come; false when all has. */
  async listMore(directory: Ino): Promise<boolean> {
    if ((await pendingFolder(this.#parts, directory)) === undefined) return false;
    const running = this.#listing.get(directory) ?? listFolder(this.#parts, directory);
    this.#listing.set(directory, running);
    try {
      await running;
    } finally {
      this.#listing.delete(directory);
    }
    return true;
  }

  /**
   * Entries of a directory have come, at least the next ones from `first` on. Up to which entry all have; `undefined`: all that
   * begin with `leaf`. Who begins in the middle of a folder does not wait for what lies before.
   */
  async reach(directory: Ino, { leaf, first }: Reach): Promise<Uint8Array | undefined> {
    for (;;) {
      const folder = await pendingFolder(this.#parts, directory);
      if (folder === undefined) return undefined;
      const listed = Buffer.from(folder.after.slice(folder.prefix.length));
      if (listed.length > 0 && Buffer.compare(listed, first) >= 0) return listed;
      const window = isNext(listed, first) ? undefined : windowOf(folder, { leaf, first });
      if (window === undefined) await this.listMore(directory);
      else {
        const next = await listWindow(this.#parts, { directory, folder }, window);
        return next === undefined ? undefined : Buffer.from(next.slice(folder.prefix.length));
      }
    }
  }

  async #isFilled(directory: Ino): Promise<boolean> {
    for await (const page of this.#parts.kv.scan(dentryRange(directory, NOTHING, NOTHING), {
      pageEntries: 2,
    }))
      return page.some(({ key }) => entryOfDentryKey(key).length > 0);
    return false;
  }
}

/** Whether nothing lies between what has been listed and an entry. */
const isNext = (listed: Uint8Array, first: Uint8Array): boolean =>
  first.length === 0 || Buffer.compare(first, Buffer.concat([listed, Uint8Array.of(0)])) === 0;

/** `undefined`: for bytes that no key has, whose neighbours are found by listing all that lies before. */
function windowOf(
  { prefix }: Folder,
  { leaf, first }: Reach,
): { readonly leaf: string; readonly after: string } | undefined {
  const leafText = textOf(leaf);
  if (leafText === undefined) return undefined;
  if (Buffer.compare(first, leaf) <= 0) return { leaf: leafText, after: '' };
  const firstText = textOf(first.at(-1) === 0 ? first.subarray(0, first.length - 1) : first);
  if (firstText === undefined) return undefined;
  // A listing goes on behind a key; what begins with a slash behind the name is the folder itself, and wanted.
  const after = firstText.endsWith('/') ? `${firstText.slice(0, -1)}.\u{10ffff}` : firstText;
  return compareKeys(after, leafText) <= 0
    ? { leaf: leafText, after: '' }
    : { leaf: leafText, after: prefix + after };
}
