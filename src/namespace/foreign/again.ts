import type { KvReader, KvTransaction } from '../../kv/kv.ts';
import { AGAIN_KEYS_PER_STEP, FOLDER_PAGE_ENTRIES } from '../../limits/tiering.ts';
import type { FolderPage } from '../../tiering/cold/object-store.ts';
import { againKey, againRange, broughtKey, directoryOfAgainKey, folderKey, inodeKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { bringFolder, bringObject, objectOf, type Bringing, type ForeignParts } from './bring.ts';
import { bringNew } from './bring-name.ts';
import { broughtIn, compareKeys, type KeysWithin } from './brought-rows.ts';
import { removeGone } from './gone.ts';
import { bringing } from './list-folder.ts';
import { pruneUpwards } from './prune.ts';
import {
  decodeAgain,
  decodeBrought,
  decodeFolder,
  encodeAgain,
  type Again,
  type Binding,
  type Folder,
} from './records.ts';

/** From now on the folder that a directory stands for, and those below it, are looked at again. */
export function orderAgain(tx: KvTransaction, bucket: Ino, { directory, prefix }: DirectoryOf): void {
  tx.put(againKey(bucket, directory), encodeAgain({ by: 'listing', prefix, after: '' }));
}

interface DirectoryOf {
  readonly directory: Ino;
  readonly prefix: string;
}

/** How many folders of a bucket wait to be looked at again; at most `countMax`. */
export async function countAgain(reader: KvReader, bucket: Ino, countMax: number): Promise<number> {
  for await (const page of reader.scan(againRange(bucket), { pageEntries: countMax })) return page.length;
  return 0;
}

/**
 * One page of the first folder of a bucket that waits for it: what is new there comes, what is another there is so here, and
 * what is gone there goes, unless it was changed here. What was removed here stays away. False: none waits.
 */
export async function lookAgain(parts: ForeignParts, binding: Binding): Promise<boolean> {
  const { bucket } = binding;
  for await (const [first] of parts.kv.scan(againRange(bucket), { pageEntries: 1 })) {
    if (first === undefined) return false;
    const directory = directoryOfAgainKey(first.key);
    const again = decodeAgain(first.value);
    const row = await parts.kv.get(folderKey(directory));
    const folder = row && decodeFolder(row);
    if (again.by === 'probe') await probePage(parts, binding, { directory, again });
    else if (folder === undefined) await end(parts, bucket, directory);
    else if (again.by === 'names') await namesPage(parts, { bucket, directory, folder }, again);
    else await listingPage(parts, { bucket, directory, folder }, again);
    return true;
  }
  return false;
}

interface Place {
  readonly bucket: Ino;
  readonly directory: Ino;
  readonly folder: Folder;
}

async function end({ kv }: ForeignParts, bucket: Ino, directory: Ino): Promise<void> {
  await kv.transact('buffered', async (tx) => tx.delete(againKey(bucket, directory)));
}

async function goOn(
  { kv }: ForeignParts,
  { bucket, directory }: Omit<Place, 'folder'>,
  again: Again,
): Promise<void> {
  await kv.transact('buffered', async (tx) => tx.put(againKey(bucket, directory), encodeAgain(again)));
}

/** What a directory has from listings. */
async function listingPage(parts: ForeignParts, place: Place, again: Again): Promise<void> {
  const { bucket, directory, folder } = place;
  // What has not been listed yet is up to date when it is.
  if (!folder.isWhole && compareKeys(again.after, folder.after) >= 0)
    return goOn(parts, place, { ...again, by: 'names', after: folder.after });
  // Younger rows are of objects that may have come since the page was asked for.
  const mark = parts.sequence.next();
  const { binding, prefix } = folder;
  const asked = { after: again.after, entriesMax: FOLDER_PAGE_ENTRIES };
  const page = await parts.foreign.browse(binding, prefix, asked);
  const { next, ...gone } = await missing(parts, place, { after: again.after, page });
  await bringing(parts, place, async (at) => {
    const isReached = (key: string): boolean => next === undefined || compareKeys(key, next) <= 0;
    for (const key of page.folders.filter(isReached)) await folderAgain(at, key);
    for (const object of page.objects.filter(({ key }) => isReached(key))) await bringObject(at, object);
    for (const key of gone.folders) await folderAgain(at, key);
    const left = [directory];
    for (const key of gone.objects) left.push(...(await removeGone(at, { bucket, key, mark })));
    const { tx } = at.edit;
    if (next === undefined) tx.delete(againKey(bucket, directory));
    else tx.put(againKey(bucket, directory), encodeAgain({ ...again, after: next }));
    for (const emptied of new Set(left)) await pruneUpwards(at.edit, emptied);
  });
}

/** Keys that were brought from a folder. */
interface SomeKeys {
  readonly objects: readonly string[];
  readonly folders: readonly string[];
  /** How far they were looked for. */
  readonly next: string | undefined;
}

/** Keys that were brought and that a page of a listing does not have, as many as fit into one commit. */
function missing(
  parts: ForeignParts,
  { bucket, folder: { prefix } }: Place,
  { after, page: { objects, folders, next: upTo } }: { readonly after: string; readonly page: FolderPage },
): Promise<SomeKeys> {
  const but = new Set([...objects.map(({ key }) => key), ...folders]);
  return firstKeys(parts, bucket, { prefix, after, upTo, but, countMax: FOLDER_PAGE_ENTRIES });
}

interface WantedKeys extends KeysWithin {
  readonly but?: ReadonlySet<string>;
  /** Of either kind. */
  readonly countMax: number;
}

/** The first keys directly in a folder that were brought, as many as fit into one commit. */
async function firstKeys(
  { kv }: ForeignParts,
  bucket: Ino,
  { prefix, after, upTo, but, countMax }: WantedKeys,
): Promise<SomeKeys> {
  let next = upTo;
  const keys = { object: [] as string[], folder: [] as string[] };
  for (const kind of ['object', 'folder'] as const) {
    const found = keys[kind];
    for await (const key of broughtIn(kv, { bucket, kind }, { prefix, after, upTo: next })) {
      if (but?.has(key) === true) continue;
      if (found.length === countMax) {
        next = found.at(-1);
        break;
      }
      found.push(key);
    }
  }
  const isReached = (key: string): boolean => next === undefined || compareKeys(key, next) <= 0;
  return { objects: keys.object.filter(isReached), folders: keys.folder, next };
}

/** A folder that is new comes; one that has a directory, wherever that is now, is looked at again; one that was removed is probed. */
async function folderAgain(at: Bringing, key: string): Promise<void> {
  const { tx } = at.edit;
  const { bucket } = at.directory;
  const row = await tx.get(broughtKey(bucket, 'folder', key));
  const ino = row === undefined ? 0 : decodeBrought(row).ino;
  if (ino === 0) return void (await bringFolder(at, { key, isNeeded: false }));
  const isHere = (await tx.get(inodeKey(ino))) !== undefined;
  const by = isHere ? 'listing' : 'probe';
  tx.put(againKey(bucket, ino), encodeAgain({ by, prefix: key, after: '' }));
}

/** What was brought by name from a folder that has not been listed so far. */
async function namesPage(parts: ForeignParts, place: Place, again: Again): Promise<void> {
  const { bucket, directory, folder } = place;
  const { binding, prefix } = folder;
  const mark = parts.sequence.next();
  const countMax = AGAIN_KEYS_PER_STEP;
  const { objects, folders, next } = await firstKeys(parts, bucket, { prefix, after: again.after, countMax });
  const facts = await Promise.all(objects.map((key) => parts.foreign.head(binding, key)));
  await bringing(parts, place, async (at) => {
    for (const [index, key] of objects.entries()) {
      const found = facts[index];
      if (found === undefined) await removeGone(at, { bucket, key, mark });
      else await bringObject(at, objectOf(key, found));
    }
    for (const key of folders) await folderAgain(at, key);
    const { tx } = at.edit;
    if (next === undefined) tx.delete(againKey(bucket, directory));
    else tx.put(againKey(bucket, directory), encodeAgain({ ...again, after: next }));
  });
}

/** Below a directory that was removed here: keys that have come there since. */
async function probePage(
  parts: ForeignParts,
  binding: Binding,
  { directory, again }: { readonly directory: Ino; readonly again: Again },
): Promise<void> {
  const { id, bucket } = binding;
  const { keys, isLast } = await parts.foreign.list(id, again.prefix, again.after);
  const rows = await parts.kv.getMany(keys.map((key) => broughtKey(bucket, 'object', key)));
  const fresh = keys.filter((_, index) => rows[index] === undefined);
  const some = fresh.slice(0, AGAIN_KEYS_PER_STEP);
  for (const key of some) await bringNew(parts, binding, key);
  const last = some.length < fresh.length ? some.at(-1) : keys.at(-1);
  if (last === undefined || (isLast && some.length === fresh.length)) await end(parts, bucket, directory);
  else await goOn(parts, { bucket, directory }, { ...again, after: last });
}
