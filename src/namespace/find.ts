import { Fault } from '../fault.ts';
import { POSIX_NAME_BYTES_MAX } from '../limits.ts';
import type { KvReader } from '../kv/kv.ts';
import { posixNameOf, wantedBy, type Wanted } from './alias.ts';
import { aliasKey, dentryKey, entryName } from './keys.ts';
import type { Ino, Name, PosixName } from './namespace.ts';
import { decodeDentry, type Dentry } from './records.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

export const isDot = (name: PosixName): boolean => name.length === 1 && name[0] === DOT;
export const isDotDot = (name: PosixName): boolean => name.length === 2 && name[0] === DOT && name[1] === DOT;

/** A file and a directory may bear the same name: S3 has both `a` and `a/b`. */
export interface Pair {
  readonly file: Dentry | undefined;
  readonly directory: Dentry | undefined;
}

/** An entry as POSIX names it, and what lies under its name. */
export interface FoundEntry {
  readonly name: Name;
  readonly dentry: Dentry;
  readonly pair: Pair;
}

function requireValidName(name: PosixName): void {
  if (name.length > POSIX_NAME_BYTES_MAX) {
    throw new Fault('name-too-long', 'inode', `${name.length} bytes, at most ${POSIX_NAME_BYTES_MAX}`);
  }
  if (name.length === 0 || name.includes(0) || name.includes(SLASH)) {
    throw new Fault('invalid-argument', 'inode', 'a name is empty or has a zero byte or a slash');
  }
}

/** Both kinds of entry under one name, in one read. */
export async function pairOf(reader: KvReader, parent: Ino, name: Name): Promise<Pair> {
  const keys = [dentryKey(parent, entryName(name, false)), dentryKey(parent, entryName(name, true))];
  const [file, directory] = await reader.getMany(keys);
  return {
    file: file === undefined ? undefined : decodeDentry(file),
    directory: directory === undefined ? undefined : decodeDentry(directory),
  };
}

/** The entry that appears in `parent` under that name; at most one does. */
export async function findPosix(
  reader: KvReader,
  parent: Ino,
  posixName: PosixName,
): Promise<FoundEntry | undefined> {
  requireValidName(posixName);
  const wanted = wantedBy(posixName);
  const name = wanted === undefined ? undefined : await exactName(reader, parent, wanted);
  if (wanted === undefined || name === undefined) return undefined;
  const pair = await pairOf(reader, parent, name);
  const found = chosen(pair, wanted.how !== 'name' && wanted.isClash);
  if (found === undefined) return undefined;
  // An escape that says more than it must is not the name of anything; nor are dots, which S3 may have made.
  const appearsAs = posixNameOf(name, wanted.how !== 'name' && wanted.isClash);
  return Buffer.compare(appearsAs, posixName) === 0 ? { name, dentry: found, pair } : undefined;
}

async function exactName(reader: KvReader, parent: Ino, wanted: Wanted): Promise<Name | undefined> {
  return wanted.how === 'digest' ? reader.get(aliasKey(parent, wanted.digest)) : wanted.name;
}

/** In a clash the directory bears the plain name, so that paths through it stay good; the file is escaped. */
function chosen({ file, directory }: Pair, isClash: boolean): Dentry | undefined {
  if (isClash) return directory === undefined ? undefined : file;
  return directory ?? file;
}

export async function requirePosix(reader: KvReader, parent: Ino, name: PosixName): Promise<FoundEntry> {
  const found = await findPosix(reader, parent, name);
  if (found === undefined) throw new Fault('not-found', 'inode', printable(name));
  return found;
}

/** The name under which a new entry is made. Escapes stand for names that S3 made; POSIX makes none of those. */
export function nameToMake(posixName: PosixName): Name {
  requireValidName(posixName);
  if (isDot(posixName) || isDotDot(posixName)) throw new Fault('exists', 'inode', printable(posixName));
  if (wantedBy(posixName)?.how !== 'name') {
    throw new Fault(
      'invalid-argument',
      'inode',
      `${printable(posixName)}: names with .s3: in front are escapes`,
    );
  }
  return Buffer.from(posixName);
}

export const printable = (name: Uint8Array): string => JSON.stringify(Buffer.from(name).toString('utf8'));
