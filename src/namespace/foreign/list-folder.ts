import type { KvTransaction } from '../../kv/kv.ts';
import { FOLDER_PAGE_ENTRIES } from '../../limits/tiering.ts';
import type { FolderPage, ListedObject } from '../../tiering/cold/object-store.ts';
import type { ForeignBlobs } from '../../tiering/foreign/foreign-copies.ts';
import { loadDirectory } from '../attributes.ts';
import { editOf } from '../create.ts';
import { NO_CONTENT, type ContentPlace } from '../extents.ts';
import { pairOf } from '../find.ts';
import { broughtKey, inodeKey, unlistedKey } from '../keys.ts';
import type { Ino, Name } from '../namespace.ts';
import { DIRECTORY_MODE, newInode, OBJECT_MODE } from '../new-inode.ts';
import type { Parts } from '../parts.ts';
import { countingOf } from '../quota/counting.ts';
import { encodeInode, type Inode } from '../records.ts';
import type { TreeEdit } from '../tree-edit.ts';
import { decodeUnlisted, encodeBrought, encodeUnlisted, type Unlisted } from './records.ts';

type Given = Pick<Parts, 'kv' | 'sequence' | 'environment'> & { readonly foreign: ForeignBlobs };

/** A page that becomes entries of a directory. */
interface Bringing {
  readonly parts: Given;
  readonly edit: TreeEdit;
  readonly directory: Inode;
  readonly row: Unlisted;
}

/**
 * Brings the next page of the folder that a directory stands for: names that are not taken become files and directories;
 * of two that do it at a time one does. False when the folder has been listed to its end. Faults of the store: nothing has
 * changed then. Quotas count what is brought and are not in its way: it is there already.
 */
export async function listFolder(parts: Given, directory: Ino): Promise<boolean> {
  const seen = await parts.kv.get(unlistedKey(directory));
  if (seen === undefined) return false;
  const row = decodeUnlisted(seen);
  const { binding, prefix, after } = row;
  const page = await parts.foreign.browse(binding, prefix, { after, entriesMax: FOLDER_PAGE_ENTRIES });
  await parts.kv.transact('durable', async (tx) => {
    const now = await tx.get(unlistedKey(directory));
    // Somebody else has brought this page meanwhile.
    if (now === undefined || Buffer.compare(now, seen) !== 0) return;
    countingOf(tx).admit();
    const edit = editOf(parts, tx);
    await bringPage({ parts, edit, directory: await loadDirectory(tx, directory), row }, page);
    goOn(tx, directory, row, page.next);
    edit.finish();
  });
  return page.next !== undefined;
}

function goOn(tx: KvTransaction, directory: Ino, row: Unlisted, next: string | undefined): void {
  if (next === undefined) tx.delete(unlistedKey(directory));
  else tx.put(unlistedKey(directory), encodeUnlisted({ ...row, after: next }));
}

async function bringPage(bringing: Bringing, { objects, folders }: FolderPage): Promise<void> {
  for (const folder of folders) await bringFolder(bringing, folder);
  for (const object of objects) await bringObject(bringing, object);
}

const nameIn = ({ prefix }: Unlisted, key: string): Name => Buffer.from(key.slice(prefix.length));

/**
 * A directory that is there already stands for the folder too: what is below it is seen together. Not one that has come here
 * by a rename and still stands for another.
 */
async function bringFolder({ parts, edit, directory, row }: Bringing, folder: string): Promise<void> {
  const name = nameIn(row, folder.slice(0, -1));
  const beside = await pairOf(edit.tx, directory.ino, name);
  const ino = beside.directory?.ino ?? (parts.sequence.next() as Ino);
  if (beside.directory === undefined) {
    const made = bornIn({ parts, edit, directory }, { ino, name, kind: 'directory' });
    edit.makeDirectory(made);
    edit.add(directory.ino, name, { ino, kind: 'directory', beside });
  }
  const { binding } = row;
  const isOfAnother = (await edit.tx.get(unlistedKey(ino))) !== undefined;
  if (!isOfAnother) edit.tx.put(unlistedKey(ino), encodeUnlisted({ binding, prefix: folder, after: '' }));
}

/** What is here wins. A key that was brought before stays what it has become here, also if that is nothing. */
async function bringObject(bringing: Bringing, { key, etag, ...listed }: ListedObject): Promise<void> {
  const { parts, edit, directory, row } = bringing;
  const { tx } = edit;
  const rowKey = broughtKey(directory.bucket, key);
  if ((await tx.get(rowKey)) !== undefined) return;
  const name = nameIn(row, key);
  const beside = await pairOf(tx, directory.ino, name);
  if (beside.file !== undefined) {
    tx.put(rowKey, encodeBrought({ etag, ino: 0, contentGeneration: 0 }));
    return;
  }
  const ino = parts.sequence.next() as Ino;
  const born = bornIn(bringing, { ino, name, kind: 'file' });
  const { contentGeneration } = born;
  const inode: Inode = {
    ...born,
    ...contentOf(bringing, { key, etag, ...listed }),
    mtime: { seconds: listed.modifiedAt, nanoseconds: 0 },
    facet: { ...facetOf(etag, listed.storageClass), contentGeneration },
  };
  tx.put(inodeKey(ino), encodeInode(inode));
  tx.put(rowKey, encodeBrought({ etag, ino, contentGeneration }));
  edit.add(directory.ino, name, { ino, kind: 'file', beside });
}

/** One blob, however long: see ADR 34. */
function contentOf(
  { parts, edit, row: { binding } }: Bringing,
  { key, etag, objectBytes: length }: ListedObject,
): ContentPlace & Pick<Inode, 'size'> {
  if (length === 0) return { ...NO_CONTENT, size: 0 };
  const blob = parts.foreign.attach(edit.tx, { binding, key, etag, offset: 0, length });
  return { extents: [{ offset: 0, length, blob, blobOffset: 0 }], contentId: 0, size: length };
}

function bornIn(
  { parts, edit, directory }: Pick<Bringing, 'parts' | 'edit' | 'directory'>,
  { ino, name, kind }: { readonly ino: Ino; readonly name: Name; readonly kind: 'file' | 'directory' },
): Inode {
  const { bucket, uid, gid } = directory;
  const mode = kind === 'file' ? OBJECT_MODE : DIRECTORY_MODE;
  const contentGeneration = parts.sequence.next();
  const birth = { ino, bucket, kind, mode, uid, gid, now: edit.now, contentGeneration };
  return { ...newInode(birth), names: [{ parent: directory.ino, name }] };
}

/** What a listing says; the rest is asked for when it is wanted. */
const facetOf = (etag: string, storageClass: string) => ({
  etag: etag.replaceAll('"', ''),
  headers: {},
  metadata: {},
  ...{ checksums: [], parts: [], tags: [], storageClass },
});
