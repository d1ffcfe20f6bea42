import type { KeyRange, KvReader } from '../kv/kv.ts';
import { CHANGE_ATTEMPTS_MAX, PAGE_ENTRIES_MAX } from '../limits.ts';
import { attempting } from './attempts.ts';
import { currentInodes, foundOf } from './attributes.ts';
import { behindPrefix, isBehindAll } from './behind-prefix.ts';
import type { Folders } from './foreign/folders.ts';
import { dentryKey, dentryRange, entryName, entryOfDentryKey, isDirectoryEntry } from './keys.ts';
import { decodeListedDentry, listedOf } from './listed.ts';
import type { Ino, ListEntry, WalkEntry, WalkOptions, WalkPage } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeDentry, type Inode } from './records.ts';

const SLASH = 0x2f;
const NOTHING = new Uint8Array(0);
/** What the descent comes by, in key order: files, and directories it was told not to enter. */
interface Step {
  readonly key: Uint8Array;
  readonly ino: Ino;
  readonly isDirectory: boolean;
  /** The entry's row. */
  readonly row: Uint8Array;
}

/** Steps of a page and what comes behind it. */
interface Taken {
  readonly steps: readonly Step[];
  readonly next: Uint8Array | undefined;
}

/** See ObjectStore.walk: keys in unsigned byte order, straight from the ordered dentries. */
export async function walk(parts: Parts, bucket: Ino, options: WalkOptions): Promise<WalkPage> {
  const { steps, next } = await take(parts, bucket, options);
  const files = steps.filter(({ isDirectory }) => !isDirectory);
  const inodeOf = await inodesOf(parts, files);
  const entries: WalkEntry[] = [];
  for (const { key, ino, isDirectory } of steps) {
    if (isDirectory) {
      entries.push({ kind: 'prefix', prefix: key });
      continue;
    }
    const inode = inodeOf.get(ino) ?? (await inodeAt(parts, bucket, key));
    if (inode !== undefined) entries.push({ kind: 'object', key, found: foundOf(inode) });
  }
  return { entries, next };
}

/** See ObjectStore.list. */
export async function list(
  parts: Parts,
  bucket: Ino,
  { folders, ...options }: WalkOptions & Pick<Reading, 'folders'>,
): Promise<WalkPage<ListEntry>> {
  const { files, kv } = parts;
  const mark = files.forgotten.mark();
  const { steps, next } = await take({ kv, ...(folders && { folders }) }, bucket, options);
  const forgotten = files.forgotten.since(mark);
  // What NFS has written stands in memory, and while the names were read it may have gone from there to the store.
  const isOpen = (ino: Ino): boolean =>
    files.get(ino) !== undefined || forgotten === undefined || forgotten.has(ino);
  const rows = steps.map(({ row, ino, isDirectory }) =>
    isDirectory || isOpen(ino) ? undefined : decodeListedDentry(row).listed,
  );
  const unlisted = steps.filter(({ isDirectory }, index) => !isDirectory && rows[index] === undefined);
  const inodeOf = await inodesOf(parts, unlisted);
  const entries: ListEntry[] = [];
  for (const [index, { key, ino, isDirectory }] of steps.entries()) {
    if (isDirectory) {
      entries.push({ kind: 'prefix', prefix: key });
      continue;
    }
    const inode =
      rows[index] === undefined ? (inodeOf.get(ino) ?? (await inodeAt(parts, bucket, key))) : undefined;
    const listed = rows[index] ?? (inode && listedOf(inode));
    if (listed !== undefined) entries.push({ kind: 'object', key, listed });
  }
  return { entries, next };
}

async function inodesOf(parts: Parts, files: readonly Step[]): Promise<ReadonlyMap<Ino, Inode | undefined>> {
  if (files.length === 0) return new Map();
  const inos = files.map(({ ino }) => ino);
  const inodes = await currentInodes(parts, inos);
  return new Map(inos.map((ino, index) => [ino, inodes[index]]));
}

/** The steps of one page. One step more than asked for tells whether there is a next one. */
async function take(parts: Reading, bucket: Ino, options: WalkOptions): Promise<Taken> {
  const { delimiter, entriesMax } = options;
  if (entriesMax === 0) return { steps: [], next: undefined };
  const isWhole = delimiter === undefined || delimiter.length === 0;
  // Where directories stay closed, a level of the tree is one scan.
  const staysOut = delimiter?.length === 1 && delimiter[0] === SLASH;
  const steps =
    isWhole || staysOut
      ? await takeAll(parts, bucket, { ...options, staysOut, pageEntries: entriesMax + 1 })
      : await takeRolledUp(parts, bucket, options, delimiter);
  const taken = steps.slice(0, entriesMax);
  const last = taken.at(-1);
  if (steps.length <= entriesMax || last === undefined) return { steps: taken, next: undefined };
  return { steps: taken, next: last.isDirectory ? behindPrefix(last.key) : last.key };
}

async function takeAll(parts: Reading, bucket: Ino, options: Descent): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for await (const run of descend(parts, bucket, options)) {
    steps.push(...run);
    if (steps.length >= options.pageEntries) break;
  }
  return steps;
}

/** Any other delimiter: each rolled-up prefix is met once, then the walk goes on behind all its keys. */
async function takeRolledUp(
  parts: Reading,
  bucket: Ino,
  options: WalkOptions,
  delimiter: Uint8Array,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  let after = options.after;
  search: while (steps.length <= options.entriesMax) {
    const pageEntries = options.entriesMax + 1 - steps.length;
    for await (const run of descend(parts, bucket, { ...options, after, pageEntries })) {
      for (const step of run) {
        const at = Buffer.from(step.key).indexOf(delimiter, options.prefix.length);
        if (at >= 0) {
          const key = step.key.subarray(0, at + delimiter.length);
          steps.push({ ...step, key, isDirectory: true });
          after = behindPrefix(key);
          continue search;
        }
        steps.push(step);
        if (steps.length > options.entriesMax) break search;
      }
    }
    break;
  }
  return steps;
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
  for await (const run of descend(parts, bucket, options)) yield* run;
}

/** The latest state, or one moment. */
interface Reading {
  readonly kv: KvReader;
  /** Attached buckets are listed as far as the reading goes; absent: it sees what has come. */
  readonly folders?: Pick<Folders, 'reach' | 'bringDirectory'>;
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

/** Keys with the prefix, strictly after `after`, in order, in runs as long as reading them in one go makes them. */
async function* descend(parts: Reading, bucket: Ino, options: Descent): AsyncIterable<readonly Step[]> {
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
): AsyncIterable<readonly Step[]> {
  let last: Ino | undefined;
  for (let attempt = 0; attempt < CHANGE_ATTEMPTS_MAX; attempt += 1) {
    const directory = await find();
    if (directory === undefined || directory === last) return;
    let isEmpty = true;
    for await (const run of level(parts, { ...at, directory })) {
      isEmpty = false;
      yield run;
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
    const name = path.subarray(start, slash);
    const key = dentryKey(at, entryName(name, true));
    let bytes = await kv.get(key);
    if (bytes === undefined && folders !== undefined) {
      await folders.bringDirectory(at, name);
      bytes = await kv.get(key);
    }
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

/** Where an attached bucket is listed, this goes from one part to the next that has come. */
async function* level(parts: Reading, at: Level): AsyncIterable<readonly Step[]> {
  const { directory, leaf, lower } = at;
  let first = firstEntry(leaf, lower);
  for (;;) {
    const all = dentryRange(directory, leaf, first);
    if (Buffer.compare(all.start, all.end) >= 0) return;
    const upTo = await parts.folders?.reach(directory, { leaf, first });
    const behind = upTo && Buffer.concat([upTo, Uint8Array.of(0)]);
    const end = behind && dentryKey(directory, behind);
    if (behind === undefined || end === undefined || Buffer.compare(end, all.end) >= 0) {
      yield* entriesWithin(parts, at, all);
      return;
    }
    yield* entriesWithin(parts, at, { start: all.start, end });
    first = behind;
  }
}

async function* entriesWithin(parts: Reading, at: Level, range: KeyRange): AsyncIterable<readonly Step[]> {
  const { path, lower, options } = at;
  const pageEntries = Math.min(options.pageEntries, PAGE_ENTRIES_MAX);
  for await (const page of parts.kv.scan(range, { pageEntries })) {
    let run: Step[] = [];
    for (const { key: rowKey, value: row } of page) {
      const entry = entryOfDentryKey(rowKey);
      const { ino } = decodeDentry(row);
      const isDirectory = isDirectoryEntry(entry);
      const step = { key: joined(path, entry), ino, isDirectory, row };
      if (isDirectory) {
        const below =
          lower !== undefined && startsWith(lower, entry) ? lower.subarray(entry.length) : undefined;
        // Nothing is left in it: to look would list a folder that nobody asked for.
        if (below !== undefined && isBehindAll(below)) continue;
        const child = { path: step.key, leaf: NOTHING, lower: below, options };
        const find = findChild(parts, rowKey, ino);
        if (options.staysOut === true) {
          if (below !== undefined && !(await hasMore(parts, child, find))) continue;
        } else {
          if (run.length > 0) yield run;
          run = [];
          yield* inDirectory(parts, child, find);
          continue;
        }
      }
      run.push(step);
    }
    if (run.length > 0) yield run;
  }
}

function joined(path: Uint8Array, entry: Uint8Array): Uint8Array {
  if (path.length === 0) return entry;
  const key = Buffer.allocUnsafe(path.length + entry.length);
  key.set(path, 0);
  key.set(entry, path.length);
  return key;
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
  for await (const _run of inDirectory(parts, { ...child, options }, find)) return true;
  return false;
}
