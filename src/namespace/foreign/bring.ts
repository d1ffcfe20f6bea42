import type { ForeignBlobs } from '../../tiering/foreign/foreign-copies.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import type { ListedObject, ObjectDescription, ObjectFacts } from '../../tiering/cold/object-store.ts';
import { loadDirectory, nextCtime } from '../attributes.ts';
import { NO_CONTENT, type HeldContent } from '../extents.ts';
import { pairOf } from '../find.ts';
import { putHolders } from '../holders.ts';
import { broughtKey, folderKey, inodeKey } from '../keys.ts';
import type { Ino, Name } from '../namespace.ts';
import { DIRECTORY_MODE, newInode, OBJECT_MODE } from '../new-inode.ts';
import type { Parts } from '../parts.ts';
import { putInode } from '../put-inode.ts';
import { decodeInode, type Inode } from '../records.ts';
import type { StoredFacet } from '../facet-record.ts';
import { isLockedNow } from '../seal.ts';
import type { TreeEdit } from '../tree-edit.ts';
import { dropContent } from '../unlink.ts';
import type { Bindings } from './bindings.ts';
import {
  decodeBrought,
  decodeFolder,
  encodeBrought,
  encodeFolder,
  type Brought,
  type Folder,
} from './records.ts';

/** What the folders of attached buckets work with. */
export interface ForeignParts extends Parts {
  readonly foreign: ForeignBlobs;
  readonly bindings: Bindings;
}

/** A directory and the folder that it stands for, in a transaction. */
export interface Bringing {
  readonly parts: ForeignParts;
  readonly edit: TreeEdit;
  readonly directory: Inode;
  readonly folder: Folder;
}

/** An object as a listing describes it, or as it describes itself. */
export interface ForeignObject extends ListedObject {
  readonly description?: ObjectDescription;
}

export const objectOf = (key: string, facts: ObjectFacts): ForeignObject => {
  const { objectBytes, etag, storageClass, description } = facts;
  return { key, objectBytes, etag, storageClass, description, modifiedAt: description.modifiedAt };
};

const nameIn = ({ prefix }: Folder, key: string): Name => Buffer.from(key.slice(prefix.length));

/**
 * The directory that stands for a folder, which is directly below that of `bringing`; made unless there is one of its name.
 * `undefined`: it was brought before and has been moved here, or removed, and stays so unless it `isNeeded`; or what has its name
 * has come from elsewhere and stands for another.
 */
export async function bringFolder(
  { parts, edit, directory, folder }: Bringing,
  { key, isNeeded }: { readonly key: string; readonly isNeeded: boolean },
): Promise<Bringing | undefined> {
  const { tx } = edit;
  const name = nameIn(folder, key.slice(0, -1));
  const beside = await pairOf(tx, directory.ino, name);
  const rowKey = broughtKey(directory.bucket, 'folder', key);
  const known = await tx.get(rowKey);
  const before = known === undefined ? undefined : decodeBrought(known).ino;
  if (before !== undefined && before !== beside.directory?.ino) {
    const isElsewhere = before !== 0 && (await tx.get(inodeKey(before))) !== undefined;
    if (isElsewhere || !isNeeded) return undefined;
  }
  const found = beside.directory && (await loadDirectory(tx, beside.directory.ino));
  const made = found ?? bornIn({ parts, edit, directory }, { name, kind: 'directory' });
  if (found === undefined) {
    edit.makeDirectory(made);
    edit.add(directory.ino, name, { ino: made.ino, kind: 'directory', beside });
  }
  const row = await tx.get(folderKey(made.ino));
  const standsFor: Folder =
    row === undefined
      ? { binding: folder.binding, prefix: key, after: '', isWhole: false }
      : decodeFolder(row);
  if (standsFor.prefix !== key || standsFor.binding !== folder.binding) return undefined;
  if (row === undefined) tx.put(folderKey(made.ino), encodeFolder(standsFor));
  if (before !== made.ino) tx.put(rowKey, encodeBrought({ etag: '', ino: made.ino, contentGeneration: 0 }));
  return { parts, edit, directory: made, folder: standsFor };
}

/**
 * Makes of an object, which is directly in the folder, what it is here: a file, if the key comes for the first time and the name
 * is free; its new content, if nobody has changed here what was brought; else nothing.
 */
export async function bringObject(bringing: Bringing, object: ForeignObject): Promise<void> {
  const { parts, edit, directory, folder } = bringing;
  const { tx } = edit;
  const rowKey = broughtKey(directory.bucket, 'object', object.key);
  const known = await tx.get(rowKey);
  if (known !== undefined) {
    const brought = decodeBrought(known);
    const { binding } = folder;
    if (brought.etag !== object.etag) await renew({ parts, edit, binding }, brought, { rowKey, object });
    return;
  }
  const { etag } = object;
  const name = nameIn(folder, object.key);
  const beside = await pairOf(tx, directory.ino, name);
  if (beside.file !== undefined) {
    tx.put(rowKey, encodeBrought({ etag, ino: 0, contentGeneration: 0 }));
    return;
  }
  const born = bornIn(bringing, { name, kind: 'file' });
  const { ino, contentGeneration } = born;
  const content = { binding: folder.binding, object, contentGeneration, ino };
  edit.add(directory.ino, name, { ino, kind: 'file', beside });
  await putInode(tx, { ...born, ...contentIn(parts, edit, content) });
  tx.put(rowKey, encodeBrought({ etag, ino, contentGeneration }));
}

/** What was changed there is so here, unless it was changed here too. */
export async function renew(
  { parts, edit, binding }: Pick<Bringing, 'parts' | 'edit'> & { readonly binding: BindingId },
  brought: Brought,
  { rowKey, object }: { readonly rowKey: Uint8Array; readonly object: ForeignObject },
): Promise<void> {
  const { tx, now } = edit;
  const inode = await untouched(parts, edit, brought);
  if (inode === undefined) return;
  await dropContent(parts, tx, inode);
  const contentGeneration = parts.sequence.next();
  const content = contentIn(parts, edit, { binding, object, contentGeneration, ino: inode.ino });
  const { tags = [], acl } = inode.facet ?? {};
  const facet = { ...content.facet, tags, ...(acl && { acl }) };
  await putInode(tx, { ...inode, ...content, facet, ctime: nextCtime(parts, inode, now) });
  tx.put(rowKey, encodeBrought({ etag: object.etag, ino: inode.ino, contentGeneration }));
}

/** What was made of a key, if it still has a name and its content is what was brought. */
export async function untouched(
  { files }: Pick<Parts, 'files'>,
  { tx, now }: Pick<TreeEdit, 'tx' | 'now'>,
  { ino, contentGeneration }: Brought,
): Promise<Inode | undefined> {
  if (ino === 0 || files.get(ino) !== undefined) return undefined;
  const row = await tx.get(inodeKey(ino));
  const inode = row && decodeInode(ino, row);
  const isTheirs = inode?.contentGeneration === contentGeneration && inode.linkCount > 0;
  return isTheirs && !isLockedNow(inode, now) ? inode : undefined;
}

type Content = HeldContent &
  Pick<Inode, 'size' | 'mtime' | 'contentGeneration'> & { readonly facet: StoredFacet };

/** One blob, however long: see ADR 34. */
function contentIn(
  { foreign }: Pick<ForeignParts, 'foreign'>,
  { tx }: TreeEdit,
  {
    binding,
    object,
    contentGeneration,
    ino,
  }: {
    readonly binding: BindingId;
    readonly object: ForeignObject;
    readonly contentGeneration: number;
    readonly ino: Ino;
  },
): Content {
  const { key, etag, objectBytes: length, modifiedAt } = object;
  const mtime = { seconds: modifiedAt, nanoseconds: 0 };
  const told = { size: length, mtime, contentGeneration, facet: facetOf(object, contentGeneration) };
  if (length === 0) return { ...NO_CONTENT, ...told };
  const blob = foreign.attach(tx, { binding, key, etag, offset: 0, length });
  const extents = [{ offset: 0, length, blob, blobOffset: 0 }];
  putHolders(tx, ino, extents);
  return { extents, contentId: 0, below: { warm: 0, cold: length }, ...told };
}

function bornIn(
  { parts, edit, directory }: Pick<Bringing, 'parts' | 'edit' | 'directory'>,
  { name, kind }: { readonly name: Name; readonly kind: 'file' | 'directory' },
): Inode {
  const { bucket, uid, gid } = directory;
  const mode = kind === 'file' ? OBJECT_MODE : DIRECTORY_MODE;
  const ino = parts.sequence.next() as Ino;
  const contentGeneration = parts.sequence.next();
  const birth = { ino, bucket, kind, mode, uid, gid, now: edit.now, contentGeneration };
  return { ...newInode(birth), names: [{ parent: directory.ino, name }] };
}

/** AWS: of an object that says none. */
const CONTENT_TYPE = 'binary/octet-stream';

/** A listing does not say it: without a type, an object has not been asked yet (describe.ts). */
export const isDescribed = ({ headers }: Pick<StoredFacet, 'headers'>): boolean => 'content-type' in headers;

export const headersOf = ({ headers }: ObjectDescription): StoredFacet['headers'] => ({
  'content-type': CONTENT_TYPE,
  ...headers,
});

function facetOf({ etag, storageClass, description }: ForeignObject, contentGeneration: number): StoredFacet {
  const { metadata = {}, checksums = [] } = description ?? {};
  const headers = description === undefined ? {} : headersOf(description);
  const plain = { parts: [], tags: [], storageClass, contentGeneration };
  return { etag: etag.replaceAll('"', ''), headers, metadata, checksums, ...plain };
}
