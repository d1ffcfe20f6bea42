import type { KvReader } from '../../kv/kv.ts';
import { loadDirectory } from '../attributes.ts';
import { pairOf } from '../find.ts';
import { broughtKey, dentryKey, entryName, folderKey } from '../keys.ts';
import type { Ino, Name, ObjectAt } from '../namespace.ts';
import { decodeDentry } from '../records.ts';
import type { Absent } from './absent.ts';
import {
  bringFolder,
  bringObject,
  objectOf,
  type Bringing,
  type ForeignObject,
  type ForeignParts,
} from './bring.ts';
import { bringing, pendingFolder } from './list-folder.ts';
import { textOf } from './key-text.ts';
import { decodeFolder, type Binding, type Folder } from './records.ts';

const SLASH = 0x2f;

export interface NameParts extends ForeignParts {
  readonly absent: Absent;
}

/** What a name may lead to there. */
export type Asked = 'object' | 'folder' | 'both';

/** Whether a listing has come by the key already. */
const isListed = ({ after }: Folder, key: string): boolean =>
  Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0;

/** Brings one name of a folder that has not been listed to its end: one request for each thing that it may be. */
export async function bringName(
  parts: NameParts,
  { directory, name }: { readonly directory: Ino; readonly name: Name },
  asked: Asked,
): Promise<void> {
  const folder = await pendingFolder(parts, directory);
  const text = textOf(name);
  if (folder === undefined || text === undefined) return;
  const key = folder.prefix + text;
  const here = await pairOf(parts.kv, directory, name);
  const { bucket } = await loadDirectory(parts.kv, directory);
  const [object, hasFolder] = await Promise.all([
    asked === 'folder' || here.file !== undefined ? undefined : objectAt(parts, { bucket, folder, key }),
    asked === 'object' || here.directory !== undefined
      ? false
      : isFolder(parts, { bucket, folder, key: `${key}/` }),
  ]);
  if (object === undefined && !hasFolder) return;
  await bringing(parts, { directory, folder }, async (at) => {
    if (hasFolder) await bringFolder(at, { key: `${key}/`, isNeeded: false });
    if (object !== undefined) await bringObject(at, object);
  });
}

interface KeyAt {
  readonly bucket: Ino;
  readonly folder: Folder;
  /** As it is there. */
  readonly key: string;
}

/** `undefined`: there is none, or it is known here already. */
async function objectAt(
  { kv, foreign, absent }: NameParts,
  { bucket, folder, key }: KeyAt,
): Promise<ForeignObject | undefined> {
  const { binding } = folder;
  if (key === '' || isListed(folder, key) || absent.has(binding, key)) return undefined;
  if ((await kv.get(broughtKey(bucket, 'object', key))) !== undefined) return undefined;
  const facts = await foreign.head(binding, key);
  if (facts === undefined) absent.add(binding, key);
  return facts && objectOf(key, facts);
}

async function isFolder(
  { kv, foreign, absent }: NameParts,
  { bucket, folder, key }: KeyAt,
): Promise<boolean> {
  const { binding } = folder;
  if (isListed(folder, key) || absent.has(binding, key)) return false;
  if ((await kv.get(broughtKey(bucket, 'folder', key))) !== undefined) return false;
  const { objects, folders } = await foreign.browse(binding, key, { after: '', entriesMax: 1 });
  const isThere = objects.length + folders.length > 0;
  if (!isThere) absent.add(binding, key);
  return isThere;
}

/** How far a key leads here. */
interface Reached {
  readonly directory: Ino;
  /** Of the key, from that directory on. */
  readonly rest: Uint8Array;
}

export async function reached(kv: KvReader, { bucket, key }: ObjectAt): Promise<Reached> {
  let directory = bucket;
  let start = 0;
  for (let slash = key.indexOf(SLASH); slash >= 0; slash = key.indexOf(SLASH, start)) {
    const row = await kv.get(dentryKey(directory, entryName(key.subarray(start, slash), true)));
    if (row === undefined) break;
    directory = decodeDentry(row).ino;
    start = slash + 1;
  }
  return { directory, rest: key.subarray(start) };
}

/** Brings the object of a key, with the directories on the way to it: one request. */
export async function bringKey(parts: NameParts, at: ObjectAt): Promise<void> {
  const { directory, rest } = await reached(parts.kv, at);
  if (!rest.includes(SLASH)) return bringName(parts, { directory, name: rest }, 'object');
  const folder = await pendingFolder(parts, directory);
  const text = textOf(rest);
  if (folder === undefined || text === undefined) return;
  const object = await objectAt(parts, { bucket: at.bucket, folder, key: folder.prefix + text });
  if (object !== undefined) await bringBelow(parts, { directory, folder }, object);
}

/** An object that is known to be there, somewhere below a folder. */
async function bringBelow(
  parts: ForeignParts,
  place: { readonly directory: Ino; readonly folder: Folder },
  object: ForeignObject,
): Promise<void> {
  const names = object.key.slice(place.folder.prefix.length).split('/').slice(0, -1);
  await bringing(parts, place, async (first) => {
    let way: Bringing | undefined = first;
    for (const name of names) {
      way = way && (await bringFolder(way, { key: `${way.folder.prefix}${name}/`, isNeeded: true }));
    }
    if (way !== undefined) await bringObject(way, object);
  });
}

/** The same for a key as it is there, whether folders on the way have been listed or not. */
export async function bringNew(
  parts: ForeignParts,
  { bucket, id, prefix }: Binding,
  key: string,
): Promise<void> {
  const { directory, rest } = await reached(parts.kv, { bucket, key: Buffer.from(key.slice(prefix.length)) });
  const row = await parts.kv.get(folderKey(directory));
  const folder = row && decodeFolder(row);
  const isBelow = folder !== undefined && folder.binding === id && key === folder.prefix + textOf(rest);
  const facts = isBelow ? await parts.foreign.head(id, key) : undefined;
  if (folder !== undefined && facts !== undefined)
    await bringBelow(parts, { directory, folder }, objectOf(key, facts));
}

/** The same, and which of the directories on the way are folders there, for one who is about to make what is missing. */
export async function bringWay(parts: NameParts, at: ObjectAt): Promise<void> {
  await bringKey(parts, at);
  let known: Ino | undefined;
  for (;;) {
    const { directory, rest } = await reached(parts.kv, at);
    const slash = rest.indexOf(SLASH);
    if (slash < 0 || directory === known) return;
    known = directory;
    await bringName(parts, { directory, name: rest.subarray(0, slash) }, 'folder');
  }
}
