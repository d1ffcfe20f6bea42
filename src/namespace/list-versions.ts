import assert from 'node:assert/strict';
import type { KvReader } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX, VERSIONS_PER_READ_MAX } from '../limits.ts';
import { currentInodes, foundOf } from './attributes.ts';
import { behindPrefix } from './behind-prefix.ts';
import { inodeAt } from './head.ts';
import { keyOfVersionKey, versionRange } from './keys.ts';
import type { Ino, ObjectKey } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeVersion, newestRow, rowOf, type VersionRow } from './version-rows.ts';
import { NULL_VERSION, type VersionEntry, type VersionsOptions } from './version.ts';
import { currentKeys, startsWith } from './walk.ts';

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
  /** What the key leads to now, where that lies behind the position all the same. */
  readonly current: Ino | undefined;
  /** The latest of the key's versions lies before. */
  readonly isBehindLatest: boolean;
}

const behindKey = (key: Uint8Array): Position => ({
  key,
  order: undefined,
  current: undefined,
  isBehindLatest: false,
});

/** Behind what a key leads to lie all of its rows. */
const ABOVE_ALL_ROWS = Number.MAX_SAFE_INTEGER;

/** A part of a page, seen in one moment. */
interface Piece {
  readonly entries: readonly VersionEntry[];
  /** `undefined`: nothing is left, or the page is full. */
  readonly next: Position | undefined;
  /** Steps after which it was to end. */
  readonly stepsMax: number;
}

/**
 * See ObjectStore.versions: current keys and rows of old versions, both in key order, are merged. A version moves between
 * the two when its key is written to, so all of a key is read in one transaction, and as many keys as nobody writes to meanwhile.
 */
export async function listVersions(
  parts: Parts,
  bucket: Ino,
  options: VersionsOptions,
): Promise<{ entries: readonly VersionEntry[]; isTruncated: boolean }> {
  const { entriesMax } = options;
  if (entriesMax === 0) return { entries: [], isTruncated: false };
  const entries: VersionEntry[] = [];
  let stepsMax = VERSIONS_PER_READ_MAX;
  let after: Position | VersionsOptions['after'] | undefined = options.after;
  // One entry more than asked for tells whether there is a next page.
  while (after !== undefined && entries.length <= entriesMax) {
    const want: Want = { ...options, after, entriesMax: entriesMax - entries.length };
    const piece: Piece = await pieceOf(parts, bucket, { want, stepsMax });
    entries.push(...piece.entries);
    stepsMax = Math.min(piece.stepsMax * 2, VERSIONS_PER_READ_MAX);
    after = piece.next;
  }
  return { entries: entries.slice(0, entriesMax), isTruncated: entries.length > entriesMax };
}

type Want = Omit<VersionsOptions, 'after'> & { readonly after: Position | VersionsOptions['after'] };

/** Each attempt that a commit of others has ended is followed by one for half as much: the last one reads a single key. */
async function pieceOf(
  parts: Parts,
  bucket: Ino,
  { want, stepsMax }: { readonly want: Want; readonly stepsMax: number },
): Promise<Piece> {
  let attempts = 0;
  return parts.kv.transact('buffered', async (tx) => {
    const size = Math.max(1, stepsMax >> attempts);
    attempts += 1;
    const after = 'versionId' in want.after ? await positionOf(tx, bucket, want.after) : want.after;
    const { steps, next } = await collect(tx, bucket, { ...want, after, stepsMax: size });
    return { entries: await entriesOf({ files: parts.files, kv: tx }, steps), next, stepsMax: size };
  });
}

interface Collecting extends Omit<VersionsOptions, 'after'> {
  readonly after: Position;
  /** From then on it ends before the next key. */
  readonly stepsMax: number;
}

async function collect(
  tx: KvReader,
  bucket: Ino,
  { prefix, delimiter, entriesMax, stepsMax, after: first }: Collecting,
): Promise<{ readonly steps: readonly Listed[]; readonly next: Position | undefined }> {
  const steps: Listed[] = [];
  const pageEntries = delimiter === undefined ? Math.min(entriesMax, stepsMax) + 1 : ROLLED_PAGE_ENTRIES;
  let after: Position | undefined = first;
  let lastKey = after.isBehindLatest ? after.key : undefined;
  while (after !== undefined) {
    const span: Span = { prefix, after, pageEntries };
    after = undefined;
    for await (const step of merged(tx, bucket, span)) {
      const isFirst = lastKey === undefined || Buffer.compare(lastKey, step.key) !== 0;
      if (isFirst && lastKey !== undefined && steps.length >= stepsMax)
        return { steps, next: behindKey(lastKey) };
      const rolled = delimiter === undefined ? -1 : Buffer.from(step.key).indexOf(delimiter, prefix.length);
      if (delimiter === undefined || rolled < 0) {
        steps.push({ ...step, isFirst });
        lastKey = step.key;
      } else {
        const key = step.key.subarray(0, rolled + delimiter.length);
        steps.push({ kind: 'prefix', key, isFirst: true });
        lastKey = behindPrefix(key);
        after = behindKey(lastKey);
      }
      if (steps.length > entriesMax) return { steps, next: undefined };
      if (after !== undefined) break;
    }
  }
  return { steps, next: undefined };
}

async function positionOf(
  reader: KvReader,
  bucket: Ino,
  { key, versionId }: VersionsOptions['after'],
): Promise<Position> {
  if (versionId === undefined) return behindKey(key);
  const at = { bucket, key };
  const current = await inodeAt(reader, at);
  const currentId = current?.version.id;
  const behindLatest = { key, current: undefined, isBehindLatest: true };
  if (currentId === versionId) return { ...behindLatest, order: ABOVE_ALL_ROWS };
  const placed = await rowOf(reader, at, versionId);
  if (placed !== undefined) return { ...behindLatest, order: placed.order };
  // The version is gone, and with a null version where it stood: better some of the others twice than one of them never.
  const order = versionId === NULL_VERSION ? ABOVE_ALL_ROWS : versionId;
  const isBehind = currentId !== undefined && (currentId === NULL_VERSION || currentId < order);
  const newest = await newestRow(reader, at);
  return {
    key,
    order,
    current: isBehind ? current?.ino : undefined,
    isBehindLatest: current !== undefined || (newest?.order ?? 0) > order,
  };
}

interface Span {
  readonly prefix: Uint8Array;
  readonly after: Position;
  readonly pageEntries: number;
}

async function* merged(kv: KvReader, bucket: Ino, span: Span): AsyncIterable<Step> {
  const { prefix, after, pageEntries } = span;
  if (after.current !== undefined && startsWith(after.key, prefix))
    yield { kind: 'current', key: after.key, ino: after.current };
  const keys = currentKeys({ kv }, bucket, { prefix, after: after.key, pageEntries })[Symbol.asyncIterator]();
  const rows = rowsIn(kv, bucket, span)[Symbol.asyncIterator]();
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
  kv: KvReader,
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

async function entriesOf(
  parts: Parameters<typeof currentInodes>[0],
  steps: readonly Listed[],
): Promise<readonly VersionEntry[]> {
  const inos = steps.flatMap((step) => inoOf(step) ?? []);
  const inodes = await currentInodes(parts, inos);
  const inodeOf = new Map(inos.map((ino, index) => [ino, inodes[index]]));
  return steps.map((step): VersionEntry => {
    const { key, isFirst } = step;
    if (step.kind === 'prefix') return { kind: 'prefix', prefix: key };
    const ino = inoOf(step);
    if (step.kind === 'row' && ino === undefined) {
      const { versionId, at: modifiedAt } = step.row;
      return { kind: 'deleteMarker', key, versionId, modifiedAt, isLatest: isFirst };
    }
    const inode = ino === undefined ? undefined : inodeOf.get(ino);
    assert(inode !== undefined, 'a version of the same moment has an inode');
    const isLatest = step.kind === 'current';
    const noncurrentSince = step.kind === 'row' ? step.row.at : undefined;
    return { kind: 'version', key, found: foundOf(inode), isLatest, noncurrentSince };
  });
}

function inoOf(step: Step): Ino | undefined {
  if (step.kind === 'prefix') return undefined;
  return step.kind === 'current' ? step.ino : step.row.ino;
}
