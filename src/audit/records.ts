import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import { decodeU64, encodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { KeyRange } from '../kv/kv.ts';
import { auditKinds, type Actor, type AuditRow, type LockFacts } from './event.ts';

/**
 * Table prefixes: before and behind those of the key ring. Refusals, changes and bypasses have tables of their own, so that no flood of the
 * one pushes out the other.
 */
export const auditTables = { bypasses: 0x37, refusals: 0x3c, changes: 0x3d, state: 0x3e } as const;
export type AuditTable = 'refusals' | 'changes' | 'bypasses';
export const rowTables: readonly AuditTable[] = ['refusals', 'changes', 'bypasses'];

const VERSION = 1;
/** Of the state: before 2 there were no bypasses in it. */
const STATE_VERSION = 2;

export const rowKey = (table: AuditTable, order: number): Uint8Array => tupleKey(auditTables[table], [order]);
export const orderOfRowKey = (key: Uint8Array): number => decodeU64(key, 1);
/** Rows with orders in [first, end). */
export const rowRange = (table: AuditTable, first: number, end: number): KeyRange => ({
  start: rowKey(table, first),
  end: rowKey(table, end),
});
export const STATE_KEY = tupleKey(auditTables.state, []);

const FILED = 1;
const FILED_COUNT = 2;
/** Names of buckets have no byte 0. */
const filedPrefix = (kind: number, bucket: string): Uint8Array =>
  tupleKey(auditTables.state, [], Buffer.from(`${String.fromCharCode(kind)}${bucket}\0`));

/** Says that a row of bypasses is about a bucket. */
export const filedKey = (bucket: string, order: number): Uint8Array =>
  Buffer.concat([filedPrefix(FILED, bucket), encodeU64(order)]);
/** Of all of a bucket, in their order. */
export const filedRange = (bucket: string): KeyRange => prefixRange(filedPrefix(FILED, bucket));
/** How many those are. */
export const filedCountKey = (bucket: string): Uint8Array => filedPrefix(FILED_COUNT, bucket);

/** Of all buckets that have any. */
export const filedCountRange = (): KeyRange => prefixRange(FILED_COUNTS);
export const bucketOfFiledCountKey = (key: Uint8Array): string =>
  Buffer.from(key.subarray(FILED_COUNTS.length, -1)).toString();
const FILED_COUNTS = tupleKey(auditTables.state, [], Uint8Array.of(FILED_COUNT));

export const encodeFiledCount = (rows: number): Uint8Array => new RecordWriter().number(rows).finish();
export const decodeFiledCount = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : new RecordReader(bytes).number();

/** Absent is 0 or the empty text; what may be 0 itself is written one higher. */
export function encodeRow({ at, count, lastAt, ...event }: AuditRow): Uint8Array {
  const writer = new RecordWriter().number(VERSION).time(at).number(count).time(lastAt);
  writer.number(auditKinds.indexOf(event.kind));
  writeActor(writer, event.actor);
  writer.text(event.bucket ?? '');
  writer.bytes(event.key ?? new Uint8Array(0));
  writer.number(event.versionId === undefined ? 0 : event.versionId + 1);
  writeLock(writer, event.lock);
  writeLock(writer, event.becomes);
  return writer.text(event.detail).finish();
}

export function decodeRow(order: number, bytes: Uint8Array): AuditRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'audit record of an unknown version');
  const when = { at: reader.time(), count: reader.number(), lastAt: reader.time() };
  const kind = auditKinds[reader.number()];
  assert(kind !== undefined, 'audit record of an unknown kind');
  const actor = readActor(reader);
  const bucket = reader.text() || undefined;
  const key = reader.bytes();
  const versionId = reader.number();
  const row = {
    ...{ order, ...when, kind, actor, bucket },
    key: key.length === 0 ? undefined : key,
    versionId: versionId === 0 ? undefined : versionId - 1,
    lock: readLock(reader),
    becomes: readLock(reader),
    detail: reader.text(),
  };
  reader.end();
  return row;
}

const doors = ['s3', 'nfs'] as const;

function writeActor(writer: RecordWriter, actor: Actor | undefined): void {
  if (actor === undefined) {
    writer.number(0);
    return;
  }
  writer
    .number(1 + doors.indexOf(actor.door))
    .text(actor.operation)
    .text(actor.client);
  writer
    .text(actor.principal ?? '')
    .text(actor.accessKey ?? '')
    .text(actor.requestId ?? '');
  writer.number(actor.uid === undefined ? 0 : actor.uid + 1);
}

function readActor(reader: RecordReader): Actor | undefined {
  const number = reader.number();
  if (number === 0) return undefined;
  const door = doors[number - 1];
  assert(door !== undefined, 'audit record of an unknown door');
  const known = { door, operation: reader.text(), client: reader.text() };
  const principal = reader.text() || undefined;
  const accessKey = reader.text() || undefined;
  const requestId = reader.text() || undefined;
  const uid = reader.number();
  return { ...known, principal, accessKey, requestId, uid: uid === 0 ? undefined : uid - 1 };
}

const modes = ['GOVERNANCE', 'COMPLIANCE'] as const;

function writeLock(writer: RecordWriter, lock: LockFacts | undefined): void {
  writer.number(lock === undefined ? 0 : lock.legalHold ? 2 : 1);
  if (lock === undefined) return;
  writer.number(lock.retention === undefined ? 0 : 1 + modes.indexOf(lock.retention.mode));
  if (lock.retention !== undefined) writer.time(lock.retention.until);
}

function readLock(reader: RecordReader): LockFacts | undefined {
  const number = reader.number();
  if (number === 0) return undefined;
  const mode = reader.number();
  const retention = mode === 0 ? undefined : { mode: modeOf(mode - 1), until: reader.time() };
  return { retention, legalHold: number === 2 };
}

function modeOf(index: number): (typeof modes)[number] {
  const mode = modes[index];
  assert(mode !== undefined, 'audit record of an unknown retention mode');
  return mode;
}

/** How far the rows of a table have been counted, how many of those there are, and how many have been removed so far. */
export interface TableCount {
  readonly countedTo: number;
  readonly rows: number;
  readonly removed: number;
}

export interface TrailState {
  /** The trail was opened and not closed since. */
  readonly isOpen: boolean;
  readonly counts: Readonly<Record<AuditTable, TableCount>>;
}

const NOTHING: TableCount = { countedTo: 0, rows: 0, removed: 0 };
export const NEW_TRAIL: TrailState = {
  isOpen: false,
  counts: { refusals: NOTHING, changes: NOTHING, bypasses: NOTHING },
};

export function encodeState({ isOpen, counts }: TrailState): Uint8Array {
  const writer = new RecordWriter().number(STATE_VERSION).number(isOpen ? 1 : 0);
  for (const table of rowTables) {
    const { countedTo, rows, removed } = counts[table];
    writer.number(countedTo).number(rows).number(removed);
  }
  return writer.finish();
}

export function decodeState(bytes: Uint8Array): TrailState {
  const reader = new RecordReader(bytes);
  const version = reader.number();
  assert(version >= 1 && version <= STATE_VERSION, 'audit state of an unknown version');
  const isOpen = reader.number() === 1;
  const count = (): TableCount => ({
    countedTo: reader.number(),
    rows: reader.number(),
    removed: reader.number(),
  });
  const counts = { refusals: count(), changes: count(), bypasses: version < 2 ? NOTHING : count() };
  reader.end();
  return { isOpen, counts };
}

/** For texts of people: `2026-01-31T12:00:00Z`. */
export const shownTime = ({ seconds }: Time): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
