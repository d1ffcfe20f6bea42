import { Fault } from '../fault.ts';
import type { Entry as Row } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import { posixNameOf } from './alias.ts';
import { attempting } from './attempts.ts';
import {
  attributes,
  attributesOf,
  currentAttributes,
  currentInode,
  loadDirectory,
  staleHandle,
} from './attributes.ts';
import { isOpenable } from './content-key.ts';
import { decodeDirectory } from './directory-row.ts';
import { findPosix, isDot, isDotDot, pairOf, printable } from './find.ts';
import { directoryKey, isDirectoryEntry, nameOfEntry, orderKey, orderRange, ordinalOfKey } from './keys.ts';
import type { Attributes, Caller, Ino, Name, PosixName } from './namespace.ts';
import type { DirectoryEntry, Listing, NamedEntry, Place } from './file-tree.ts';
import { parentOf } from './names.ts';
import type { Parts } from './parts.ts';
import { EXECUTE, grantedBits, READ, requireBits, WRITE } from './permissions.ts';
import { decodeOrder, type Inode } from './records.ts';
import { isLockedNow } from './seal.ts';

/** See FileTree.lookup. */
export async function lookup(
  parts: Parts,
  caller: Caller,
  { directory: ino, name }: Place,
): Promise<{ attributes: Attributes; directory: Attributes }> {
  return attempting('inode', async () => {
    const directory = await loadDirectory(parts.kv, ino);
    requireBits(caller, directory, EXECUTE);
    const target = await targetOf(parts, directory, name);
    if (target === undefined) throw new Fault('not-found', 'inode', printable(name));
    const [found, whole] = await currentAttributes(parts, [target, ino]);
    if (whole === undefined) throw staleHandle(ino);
    return found === undefined ? undefined : { attributes: found, directory: whole };
  });
}

async function targetOf({ kv }: Parts, directory: Inode, name: PosixName): Promise<Ino | undefined> {
  if (isDot(name)) return directory.ino;
  if (isDotDot(name)) return parentOf(directory);
  return (await findPosix(kv, directory.ino, name))?.dentry.ino;
}

/** ACCESS3, RFC 1813 §3.3.4. */
const ACCESS3_READ = 0x01;
const ACCESS3_LOOKUP = 0x02;
const ACCESS3_MODIFY = 0x04;
const ACCESS3_EXTEND = 0x08;
const ACCESS3_DELETE = 0x10;
const ACCESS3_EXECUTE = 0x20;

/** See FileTree.access. A client asks at open(), and a write that is refused later shows only when the file is closed. */
export async function access(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  wanted: number,
): Promise<{ granted: number; attributes: Attributes }> {
  const inode = await currentInode(parts, ino);
  const isDirectory = inode.kind === 'directory';
  const found = isDirectory ? await attributes(parts, ino) : attributesOf(inode);
  const bits = grantedBits(caller, found);
  const isLocked = isLockedNow(inode, parts.environment.clock.wall());
  const isOpen = isOpenable(parts, inode.encryption);
  let granted = 0;
  if ((bits & READ) !== 0 && isOpen) granted |= ACCESS3_READ;
  if ((bits & WRITE) !== 0 && isOpen && !isLocked) granted |= ACCESS3_MODIFY | ACCESS3_EXTEND;
  if ((bits & WRITE) !== 0 && isDirectory) granted |= ACCESS3_DELETE;
  if ((bits & EXECUTE) !== 0 && isOpen) granted |= isDirectory ? ACCESS3_LOOKUP : ACCESS3_EXECUTE;
  return { granted: granted & wanted, attributes: found };
}

/** See FileTree.readlink. */
export async function readlink(
  parts: Parts,
  ino: Ino,
): Promise<{ target: Uint8Array; attributes: Attributes }> {
  const inode = await currentInode(parts, ino);
  if (inode.kind !== 'symlink') throw new Fault('invalid-argument', 'inode', `${ino} is a ${inode.kind}`);
  return { target: inode.target, attributes: attributesOf(inode) };
}

interface Page {
  readonly after: number;
  readonly entriesMax: number;
}

/** See FileTree.entries. */
export const entries = (
  parts: Parts,
  caller: Caller,
  ino: Ino,
  page: Page,
): Promise<Listing<DirectoryEntry>> => list(parts, { caller, ino, page }, withAttributes);

/** See FileTree.names. */
export const names = (parts: Parts, caller: Caller, ino: Ino, page: Page): Promise<Listing<NamedEntry>> =>
  list(parts, { caller, ino, page }, withoutAttributes);

/** In the order in which the names were made: an ordinal is a cookie that never goes stale. */
async function list<Entry extends NamedEntry>(
  parts: Parts,
  { caller, ino, page: { after, entriesMax } }: { caller: Caller; ino: Ino; page: Page },
  looked: (parts: Parts, parent: Ino, page: readonly Ordered[]) => Promise<readonly Looked<Entry>[]>,
): Promise<Listing<Entry>> {
  requireBits(caller, await loadDirectory(parts.kv, ino), READ);
  const whole = await attributes(parts, ino);
  const hasClashes = await mayClash(parts, ino);
  const found: Entry[] = [];
  // One row more than is wanted tells whether there is another one.
  const pageEntries = Math.min(entriesMax + 1, PAGE_ENTRIES_MAX);
  for await (const page of parts.kv.scan(orderRange(ino, after), { pageEntries })) {
    const rows = page.map(orderedOf);
    for (let at = 0; at < rows.length;) {
      if (found.length >= entriesMax) return { entries: found, eof: false, directory: whole };
      const taken = rows.slice(at, at + entriesMax - found.length);
      at += taken.length;
      for (const [{ name, isDirectory }, entry] of await looked(parts, ino, taken)) {
        const isClash =
          hasClashes && !isDirectory && (await pairOf(parts.kv, ino, name)).directory !== undefined;
        found.push(isClash ? { ...entry, name: posixNameOf(name, true) } : entry);
      }
    }
  }
  return { entries: found, eof: true, directory: whole };
}

/** A row of the directory, and what is told of it. */
type Looked<Entry> = readonly [Ordered, Entry];

interface Ordered {
  readonly ordinal: number;
  readonly ino: Ino;
  readonly name: Name;
  readonly isDirectory: boolean;
}

function orderedOf({ key, value }: Row): Ordered {
  const { ino, entry } = decodeOrder(value);
  return { ordinal: ordinalOfKey(key), ino, name: nameOfEntry(entry), isDirectory: isDirectoryEntry(entry) };
}

/** Of what has a place in the directory now: a name that was taken over since the page was read leads to another inode. */
async function attributesAt(parts: Parts, parent: Ino, ordinal: number): Promise<Attributes | undefined> {
  const key = orderKey(parent, ordinal);
  const found = await attempting('inode', async () => {
    const row = await parts.kv.get(key);
    if (row === undefined) return 'gone';
    const [attributes] = await currentAttributes(parts, [decodeOrder(row).ino]);
    return attributes;
  });
  return found === 'gone' ? undefined : found;
}

async function mayClash({ kv }: Parts, ino: Ino): Promise<boolean> {
  const row = await kv.get(directoryKey(ino));
  return row !== undefined && decodeDirectory(row).clashes > 0;
}

async function withAttributes(
  parts: Parts,
  parent: Ino,
  page: readonly Ordered[],
): Promise<readonly Looked<DirectoryEntry>[]> {
  const all = await currentAttributes(
    parts,
    page.map(({ ino }) => ino),
  );
  const found: Looked<DirectoryEntry>[] = [];
  for (const [index, ordered] of page.entries()) {
    const { ordinal, name } = ordered;
    const attributes = all[index] ?? (await attributesAt(parts, parent, ordinal));
    // Removed since the page was read; or the marker of an explicit directory, which is the directory itself.
    if (attributes === undefined || (name.length === 0 && attributes.size === 0)) continue;
    const entry = { name: posixNameOf(name, false), cookie: ordinal, ino: attributes.ino, attributes };
    found.push([ordered, entry]);
  }
  return found;
}

/** Only the empty name is looked at: of a marker its size tells what it is. */
async function withoutAttributes(
  parts: Parts,
  parent: Ino,
  page: readonly Ordered[],
): Promise<readonly Looked<NamedEntry>[]> {
  const found: Looked<NamedEntry>[] = [];
  for (const ordered of page) {
    const { ino, ordinal, name } = ordered;
    if (name.length > 0) found.push([ordered, { name: posixNameOf(name, false), cookie: ordinal, ino }]);
    else found.push(...(await withAttributes(parts, parent, [ordered])));
  }
  return found;
}
