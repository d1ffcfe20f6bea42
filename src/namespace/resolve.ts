import type { KvReader } from '../kv/kv.ts';
import { dentryKey, entryName } from './keys.ts';
import type { Ino, Name, ObjectKey } from './namespace.ts';
import { decodeDentry, type Dentry } from './records.ts';

const SLASH = 0x2f;

/** `x/y/z` is the name `z` in the directory `y` in the directory `x`; any component may be empty. */
export function componentsOf(key: ObjectKey): { directories: readonly Name[]; name: Name } {
  const directories: Name[] = [];
  let start = 0;
  for (let slash = key.indexOf(SLASH); slash >= 0; slash = key.indexOf(SLASH, start)) {
    directories.push(key.subarray(start, slash));
    start = slash + 1;
  }
  return { directories, name: key.subarray(start) };
}

/** Where a key leads: the directories on the way and the entry at its end; `undefined` where nothing is. */
export interface Resolved {
  /** From the bucket to the one that holds the name. */
  readonly path: readonly { readonly parent: Ino; readonly name: Name; readonly dentry: Dentry }[];
  readonly parent: Ino;
  readonly name: Name;
  readonly dentry: Dentry;
}

export async function resolve(reader: KvReader, bucket: Ino, key: ObjectKey): Promise<Resolved | undefined> {
  const { directories, name } = componentsOf(key);
  const path: { parent: Ino; name: Name; dentry: Dentry }[] = [];
  let parent = bucket;
  for (const directory of directories) {
    const bytes = await reader.get(dentryKey(parent, entryName(directory, true)));
    if (bytes === undefined) return undefined;
    const dentry = decodeDentry(bytes);
    path.push({ parent, name: directory, dentry });
    parent = dentry.ino;
  }
  const bytes = await reader.get(dentryKey(parent, entryName(name, false)));
  return bytes === undefined ? undefined : { path, parent, name, dentry: decodeDentry(bytes) };
}

/** How many directories on the way to a key there are not yet. */
export async function countMissing(reader: KvReader, bucket: Ino, key: ObjectKey): Promise<number> {
  const { directories } = componentsOf(key);
  let parent = bucket;
  for (const [index, directory] of directories.entries()) {
    const bytes = await reader.get(dentryKey(parent, entryName(directory, true)));
    if (bytes === undefined) return directories.length - index;
    parent = decodeDentry(bytes).ino;
  }
  return 0;
}
