import { FOLDER_PAGE_ENTRIES } from '../../limits/tiering.ts';
import type { FolderPage } from '../../tiering/cold/object-store.ts';
import { loadDirectory } from '../attributes.ts';
import { editOf } from '../create.ts';
import { folderKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { countingOf } from '../quota/counting.ts';
import { bringFolder, bringObject, type Bringing, type ForeignParts } from './bring.ts';
import { pruneUpwards } from './prune.ts';
import { decodeFolder, encodeFolder, type Folder } from './records.ts';

/** The folder that a directory stands for, while it has not been listed to its end. */
export async function pendingFolder(
  { kv, bindings }: Pick<ForeignParts, 'kv' | 'bindings'>,
  directory: Ino,
): Promise<Folder | undefined> {
  if (bindings.count === 0) return undefined;
  const row = await kv.get(folderKey(directory));
  const folder = row && decodeFolder(row);
  if (folder === undefined || folder.isWhole) return undefined;
  return bindings.byId(folder.binding)?.state === 'attached' ? folder : undefined;
}

/**
 * Brings the next page of the folder that a directory stands for: names that are not taken become files and directories;
 * of two that do it at a time one does. Faults of the store: nothing has changed then. Quotas count what is brought and are not
 * in its way: it is there already.
 */
export async function listFolder(parts: ForeignParts, directory: Ino): Promise<void> {
  const folder = await pendingFolder(parts, directory);
  if (folder === undefined) return;
  const { binding, prefix, after } = folder;
  const page = await parts.foreign.browse(binding, prefix, { after, entriesMax: FOLDER_PAGE_ENTRIES });
  await bringing(parts, { directory, folder }, async (at) => {
    // Somebody else has brought this page meanwhile.
    if (at.folder.after !== after || at.folder.isWhole) return;
    await bringPage(at, page);
    const isWhole = page.next === undefined;
    at.edit.tx.put(folderKey(directory), encodeFolder({ ...folder, after: page.next ?? after, isWhole }));
    if (isWhole) await pruneUpwards(at.edit, directory);
  });
}

/** A part of a folder that is looked at before all that lies before it. */
export interface Window {
  /** Only entries that begin with it. */
  readonly leaf: string;
  /** Behind this key; empty: from the first. */
  readonly after: string;
}

/** Brings a page of the folder from anywhere in it. The last key that it reaches; `undefined`: all that begins with the leaf. */
export async function listWindow(
  parts: ForeignParts,
  { directory, folder }: { readonly directory: Ino; readonly folder: Folder },
  { leaf, after }: Window,
): Promise<string | undefined> {
  const { binding, prefix } = folder;
  const page = await parts.foreign.browse(binding, prefix + leaf, {
    after,
    entriesMax: FOLDER_PAGE_ENTRIES,
  });
  const isNew = page.objects.length + page.folders.length > 0;
  if (isNew) await bringing(parts, { directory, folder }, (at) => bringPage(at, page));
  return page.next;
}

/** Runs `bring` in a durable transaction, unless the directory is gone or stands for another folder meanwhile. */
export async function bringing(
  parts: ForeignParts,
  { directory, folder: { binding, prefix } }: { readonly directory: Ino; readonly folder: Folder },
  bring: (at: Bringing) => Promise<void>,
): Promise<void> {
  await parts.kv.transact('durable', async (tx) => {
    const row = await tx.get(folderKey(directory));
    const folder = row && decodeFolder(row);
    if (folder?.binding !== binding || folder.prefix !== prefix) return;
    countingOf(tx).admit();
    const edit = editOf(parts, tx);
    await bring({ parts, edit, directory: await loadDirectory(tx, directory), folder });
    edit.finish();
  });
}

async function bringPage(at: Bringing, { objects, folders }: FolderPage): Promise<void> {
  for (const key of folders) await bringFolder(at, { key, isNeeded: false });
  for (const object of objects) await bringObject(at, object);
}
