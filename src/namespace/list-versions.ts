import type { KvReader } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import { currentInodes, foundOf } from './attributes.ts';
import { inodeAt } from './head.ts';
import { keyOfVersionKey, versionRange } from './keys.ts';
import type { Ino, ObjectKey } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeVersion, nullOrder, type VersionRow } from './version-rows.ts';
import { NULL_VERSION, type VersionEntry, type VersionsOptions } from './version.ts';
import { BEHIND_ALL, currentKeys } from './walk.ts';

/** A key's current inode, or a row of an old version or delete marker of it; or keys that are rolled up. */
type Step =
  | { readonly kind: 'current'; readonly key: ObjectKey; readonly ino: Ino }
  | { readonly kind: 'row'; readonly key: ObjectKey; readonly row: VersionRow }
  | { readonly kind: 'prefix'; readonly key: Uint8Array };

type Listed = Step & { readonly isFirst: boolean };

/** Rolled-up prefixes begin new scans, which should not read far ahead. */
const ROLLED_PAGE_ENTRIES = 32;

/** Where a listing goes on. */
interface Position {
  readonly key: Uint8Array;
  /** Behind the row with that order; `undefined`: behind all of the key. */
  readonly order: number | undefined;
  /** The latest of the key's versions lies before. */
  readonly isBehindLatest: boolean;
}

/** See ObjectStore.versions: current keys and rows of old versions, both in key order, are merged. */
export async function listVersions(
  parts: Parts,
  bucket: Ino,
  options: VersionsOptions,
): Promise<{ entries: readonly VersionEntry[]; isTruncated: boolean }> {
  if (options.entriesMax === 0) return { entries: [], isTruncated: false };
  const steps = await collect(parts, bucket, options);
  const isTruncated = steps.length > options.entriesMax;
  return { entries: await entriesOf(parts, steps.slice(0, options.entriesMax)), isTruncated };
}

/** One step more than asked for tells whether there is a next page. */
async function collect(parts: Parts, bucket: Ino, options: VersionsOptions): Promise<readonly Listed[]> {
  const { prefix, delimiter, entriesMax } = options;
  const steps: Listed[] = [];
  const pageEntries = delimiter === undefined ? entriesMax + 1 : ROLLED_PAGE_ENTRIES;
  let after = await positionOf(parts.kv, bucket, options.after);
  let lastKey = after.isBehindLatest ? after.key : undefined;
  search: while (steps.length <= entriesMax) {
    for await (const step of merged(parts, bucket, { prefix, after, pageEntries })) {
      const rolled = delimiter === undefined ? -1 : Buffer.from(step.key).indexOf(delimiter, prefix.length);
      if (delimiter !== undefined && rolled >= 0) {
        const key = step.key.subarray(0, rolled + delimiter.length);
        steps.push({ kind: 'prefix', key, isFirst: true });
        after = { key: Buffer.concat([key, BEHIND_ALL]), order: undefined, isBehindLatest: false };
        continue search;
      }
      const isFirst = lastKey === undefined || Buffer.compare(lastKey, step.key) !== 0;
      steps.push({ ...step, isFirst });
      lastKey = step.key;
      if (steps.length > entriesMax) break search;
    }
    break;
  }
  return steps;
}

async function positionOf(
  reader: KvReader,
  bucket: Ino,
  { key, versionId }: VersionsOptions['after'],
): Promise<Position> {
  if (versionId === undefined) return { key, order: undefined, isBehindLatest: false };
  const current = await inodeAt(reader, { bucket, key });
  // Behind the current version lie all rows of the key.
  const rows = { key, order: Number.MAX_SAFE_INTEGER };
  if (current?.version.id === versionId) return { ...rows, isBehindLatest: true };
  const order = versionId === NULL_VERSION ? await nullOrder(reader, { bucket, key }) : versionId;
  if (order !== undefined) return { key, order, isBehindLatest: true };
  // The null version is gone, and with it where it stood among the rows: better some of them twice than one of them never.
  return { ...rows, isBehindLatest: current !== undefined };
}

interface Span {
  readonly prefix: Uint8Array;
  readonly after: Position;
  readonly pageEntries: number;
}

async function* merged(parts: Parts, bucket: Ino, span: Span): AsyncIterable<Step> {
  const { prefix, after, pageEntries } = span;
  const keys = currentKeys(parts, bucket, { prefix, after: after.key, pageEntries })[Symbol.asyncIterator]();
  const rows = rowsIn(parts, bucket, span)[Symbol.asyncIterator]();
  let [key, row] = [await keys.next(), await rows.next()];
  while (key.done !== true || row.done !== true) {
    const isKeyFirst =
      row.done === true || (key.done !== true && Buffer.compare(key.value.key, row.value.key) <= 0);
    if (isKeyFirst && key.done !== true) {
      yield { kind: 'current', ...key.value };
      key = await keys.next();
    } else if (row.done !== true) {
      yield row.value;
      row = await rows.next();
    }
  }
}

async function* rowsIn(
  { kv }: Parts,
  bucket: Ino,
  { prefix, after, pageEntries }: Span,
): AsyncIterable<Extract<Step, { kind: 'row' }>> {
  const range = versionRange(bucket, prefix, after);
  if (Buffer.compare(range.start, range.end) >= 0) return;
  for await (const page of kv.scan(range, { pageEntries: Math.min(pageEntries, PAGE_ENTRIES_MAX) })) {
    for (const { key, value } of page)
      yield { kind: 'row', key: keyOfVersionKey(key), row: decodeVersion(value) };
  }
}

async function entriesOf(parts: Parts, steps: readonly Listed[]): Promise<readonly VersionEntry[]> {
  const inos = steps.flatMap((step) => inoOf(step) ?? []);
  const inodes = await currentInodes(parts, inos);
  const inodeOf = new Map(inos.map((ino, index) => [ino, inodes[index]]));
  return steps.flatMap((step): readonly VersionEntry[] => {
    const { key, isFirst } = step;
    if (step.kind === 'prefix') return [{ kind: 'prefix', prefix: key }];
    const ino = inoOf(step);
    if (step.kind === 'row' && ino === undefined) {
      const { versionId, at: modifiedAt } = step.row;
      return [{ kind: 'deleteMarker', key, versionId, modifiedAt, isLatest: isFirst }];
    }
    const inode = ino === undefined ? undefined : inodeOf.get(ino);
    // Removed since the rows were read.
    if (inode === undefined) return [];
    const isLatest = step.kind === 'current';
    const noncurrentSince = step.kind === 'row' ? step.row.at : undefined;
    return [{ kind: 'version', key, found: foundOf(inode), isLatest, noncurrentSince }];
  });
}

function inoOf(step: Step): Ino | undefined {
  if (step.kind === 'prefix') return undefined;
  return step.kind === 'current' ? step.ino : step.row.ino;
}
