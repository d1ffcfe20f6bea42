import type { KvReader } from '../kv/kv.ts';
import { CHANGE_ATTEMPTS_MAX, PAGE_ENTRIES_MAX } from '../limits.ts';
import { attempting } from './attempts.ts';
import { currentInodes, foundOf } from './attributes.ts';
import { behindPrefix, isBehindAll } from './behind-prefix.ts';
import type { Folders } from './foreign/folders.ts';
import { dentryKey, dentryRange, entryName, entryOfDentryKey, isDirectoryEntry } from './keys.ts';
import type { Ino, WalkEntry, WalkOptions, WalkPage } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeDentry, type Inode } from './records.ts';

const SLASH = 0x2f;
const NOTHING = new Uint8Array(0);
/** What the descent comes by, in key order: files, and directories it was told not to enter. */
interface Step {
  readonly key: Uint8Array;
  readonly ino: Ino;
  readonly isDirectory: boolean;
}

/** See ObjectStore.walk: keys in unsigned byte order, straight from the ordered dentries. */
export async function walk(parts: Parts, bucket: Ino, options: WalkOptions): Promise<WalkPage> {
  if (options.entriesMax === 0) return { entries: [], next: undefined };
  const { delimiter } = options;
  if (delimiter === undefined || delimiter.length === 0) return walkAll(parts, bucket, options);
  const isSlash = delimiter.length === 1 && delimiter[0] === SLASH;
  return isSlash ? walkOneLevel(parts, bucket, options) : walkRolledUp(parts, bucket, options, delimiter);
}

async function walkAll(parts: Parts, bucket: Ino, options: WalkOptions): Promise<WalkPage> {
  const steps: Step[] = [];
  for await (const step of descend(parts, bucket, { ...options, pageEntries: options.entriesMax + 1 })) {
    steps.push(step);
    if (steps.length > options.entriesMax) break;
  }
  return pageOf(parts, bucket, { steps, entriesMax: options.entriesMax });
}

/** Directories stay closed: a level of the tree is one scan. */
async function walkOneLevel(parts: Parts, bucket: Ino, options: WalkOptions): Promise<WalkPage> {
  const steps: Step[] = [];
  const shallow = { ...options, staysOut: true, pageEntries: options.entriesMax + 1 };
  for await (const step of descend(parts, bucket, shallow)) {
    steps.push(step);
    if (steps.length > options.entriesMax) break;
  }
  return pageOf(parts, bucket, { steps, entriesMax: options.entriesMax });
}

/** Any other delimiter: each rolled-up prefix is met once, then the walk goes on behind all its keys. */
async function walkRolledUp(
  parts: Parts,
  bucket: Ino,
  options: WalkOptions,
  delimiter: Uint8Array,
): Promise<WalkPage> {
  const steps: Step[] = [];
  let after = options.after;
  search: while (steps.length <= options.entriesMax) {
    const pageEntries = options.entriesMax + 1 - steps.length;
    for await (const step of descend(parts, bucket, { ...options, after, pageEntries })) {
      const at = Buffer.from(step.key).indexOf(delimiter, options.prefix.length);
      if (at < 0) steps.push(step);
      else {
        const key = step.key.subarray(0, at + delimiter.length);
        steps.push({ key, ino: step.ino, isDirectory: true });
        after = behindPrefix(key);
        continue search;
      }
      if (steps.length > options.entriesMax) break search;
    }
    break;
  }
  return pageOf(parts, bucket, { steps, entriesMax: options.entriesMax });
}

/** One step more than asked for tells whether there is a next page. */
async function pageOf(
  parts: Parts,
  bucket: Ino,
  { steps, entriesMax }: { readonly steps: readonly Step[]; readonly entriesMax: number },
): Promise<WalkPage> {
  const taken = steps.slice(0, entriesMax);
  const files = taken.filter(({ isDirectory }) => !isDirectory);
  const inodes = await currentInodes(
    parts,
    files.map(({ ino }) => ino),
  );
  const inodeOf = new Map(files.map(({ ino }, index) => [ino, inodes[index]]));
  const entries: WalkEntry[] = [];
  for (const { key, ino, isDirectory } of taken) {
    if (isDirectory) {
      entries.push({ kind: 'prefix', prefix: key });
      continue;
    }
    const inode = inodeOf.get(ino) ?? (await inodeAt(parts, bucket, key));
    if (inode !== undefined) entries.push({ kind: 'object', key, found: foundOf(inode) });
  }
  const last = taken.at(-1);
  if (steps.length <= entriesMax || last === undefined) return { entries, next: undefined };
  return { entries, next: last.isDirectory ? behindPrefix(last.key) : last.key };
}

/** What a key leads to now: another object has taken it over since the walk came by, or it is gone. */
async function inodeAt(parts: Parts, bucket: Ino, key: Uint8Array): Promise<Inode | undefined> {
  const nameAt = key.lastIndexOf(SLASH) + 1;
  const found = await attempting('inode', async () => {
    const directory = await directoryAt(parts, bucket, key.subarray(0, nameAt));
    const row =
      directory && (await parts.kv.get(dentryKey(directory, entryName(key.subarray(nameAt), false))));
    if (row === undefined) return 'gone';
    const [inode] = await currentInodes(parts, [decodeDentry(row).ino]);
    return inode;
  });
  return found === 'gone' ? undefined : found;
}

/** The keys of a bucket that lead to an object now, in byte order. */
export async function* currentKeys(
  parts: Reading,
  bucket: Ino,
  options: Pick<Descent, 'prefix' | 'after' | 'pageEntries'>,
): AsyncIterable<{ readonly key: Uint8Array; readonly ino: Ino }> {
  for await (const { key, ino } of descend(parts, bucket, options)) yield { key, ino };
}

/** The latest state, or one moment. */
interface Reading {
  readonly kv: KvReader;
  /** Absent for one moment, in which nothing can be waited for: whoever looks at it has listed before. */
  readonly folders?: Pick<Folders, 'list'>;
}

interface Descent {
  readonly prefix: Uint8Array;
  readonly after: Uint8Array;
  /** Yield directories below the prefix's own instead of entering them. */
  readonly staysOut?: boolean;
  readonly pageEntries: number;
}

export const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean =>
  bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0;

/** Keys with the prefix, strictly after `after`, in order. */
async function* descend(parts: Reading, bucket: Ino, options: Descent): AsyncIterable<Step> {
  const { prefix, after } = options;
  const baseLength = prefix.lastIndexOf(SLASH) + 1;
  const base = prefix.subarray(0, baseLength);
  const leaf = prefix.subarray(baseLength);
  const lower = lowerBound(base, after);
  if (lower === 'nothing') return;
  const at = { path: base, leaf, lower, options };
  yield* inDirectory(parts, at, () => directoryAt(parts, bucket, base));
}

/** What lies in the directory that `find` finds. Where that is nothing, another may have taken its name: then in that one. */
async function* inDirectory(
  parts: Reading,
  at: Omit<Level, 'directory'>,
  find: () => Promise<Ino | undefined>,
): AsyncIterable<Step> {
  let last: Ino | undefined;
  for (let attempt = 0; attempt < CHANGE_ATTEMPTS_MAX; attempt += 1) {
    const directory = await find();
    if (directory === undefined || directory === last) return;
    let isEmpty = true;
    for await (const step of level(parts, { ...at, directory })) {
      isEmpty = false;
      yield step;
    }
    if (!isEmpty) return;
    last = directory;
  }
}

/** What `after` means below `path`: nothing is left, all of it is, or what sorts after the rest of it. */
function lowerBound(path: Uint8Array, after: Uint8Array): Uint8Array | undefined | 'nothing' {
  if (after.length === 0) return undefined;
  if (startsWith(after, path)) return after.subarray(path.length);
  return Buffer.compare(after, path) < 0 ? undefined : 'nothing';
}

async function directoryAt(
  { kv, folders }: Reading,
  bucket: Ino,
  path: Uint8Array,
): Promise<Ino | undefined> {
  let at = bucket;
  let start = 0;
  for (let slash = path.indexOf(SLASH); slash >= 0; slash = path.indexOf(SLASH, start)) {
    await folders?.list(at);
    const bytes = await kv.get(dentryKey(at, entryName(path.subarray(start, slash), true)));
    if (bytes === undefined) return undefined;
    at = decodeDentry(bytes).ino;
    start = slash + 1;
  }
  return at;
}

interface Level {
  readonly directory: Ino;
  /** Empty or with a slash at its end. */
  readonly path: Uint8Array;
  /** Only entries that start with it. */
  readonly leaf: Uint8Array;
  /** Only keys strictly after it, relative to `path`. */
  readonly lower: Uint8Array | undefined;
  readonly options: Descent;
}

async function* level(parts: Reading, at: Level): AsyncIterable<Step> {
  const { directory, path, leaf, lower, options } = at;
  const pageEntries = Math.min(options.pageEntries, PAGE_ENTRIES_MAX);
  await parts.folders?.list(directory);
  const range = dentryRange(directory, leaf, firstEntry(leaf, lower));
  if (Buffer.compare(range.start, range.end) >= 0) return;
  for await (const page of parts.kv.scan(range, { pageEntries })) {
    for (const { key, value } of page) {
      const entry = entryOfDentryKey(key);
      const { ino } = decodeDentry(value);
      const fullKey = Buffer.concat([path, entry]);
      if (!isDirectoryEntry(entry)) yield { key: fullKey, ino, isDirectory: false };
      else {
        const below =
          lower !== undefined && startsWith(lower, entry) ? lower.subarray(entry.length) : undefined;
        // Nothing is left in it: to look would list a folder that nobody asked for.
        if (below !== undefined && isBehindAll(below)) continue;
        const child = { path: fullKey, leaf: NOTHING, lower: below, options };
        const find = findChild(parts, key, ino);
        if (options.staysOut !== true) yield* inDirectory(parts, child, find);
        else if (below === undefined || (await hasMore(parts, child, find)))
          yield { key: fullKey, ino, isDirectory: true };
      }
    }
  }
}

/** The first entry that can be, or hold, a key after `lower`. */
function firstEntry(leaf: Uint8Array, lower: Uint8Array | undefined): Uint8Array {
  if (lower === undefined) return leaf;
  const slash = lower.indexOf(SLASH);
  // Keys after `a/x` may lie in the directory `a/`; keys after `a` cannot be the file `a`.
  const first = slash >= 0 ? lower.subarray(0, slash + 1) : Buffer.concat([lower, Uint8Array.of(0)]);
  return Buffer.compare(first, leaf) < 0 ? leaf : first;
}

/** Where the entry of a directory leads: at first to what it was read with, from then on to what stands there. */
function findChild({ kv }: Reading, key: Uint8Array, ino: Ino): () => Promise<Ino | undefined> {
  let known: Ino | undefined = ino;
  return async () => {
    const first = known;
    known = undefined;
    if (first !== undefined) return first;
    const row = await kv.get(key);
    return row && decodeDentry(row).ino;
  };
}

async function hasMore(
  parts: Reading,
  child: Omit<Level, 'directory'>,
  find: () => Promise<Ino | undefined>,
): Promise<boolean> {
  const options = { ...child.options, staysOut: false, pageEntries: 1 };
  for await (const _step of inDirectory(parts, { ...child, options }, find)) return true;
  return false;
}
