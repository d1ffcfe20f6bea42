import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { KeyRange } from '../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { BlobId } from './blobs.ts';
import { tiers } from './tier.ts';
import type { MigrationOrder, MigrationRecord, MigrationTotals, MigrationTrigger } from './tiers.ts';

/** Table prefixes. An order and its state are two rows, so that a step need not write the list of blobs again. */
export const migrationTables = { order: 0x58, state: 0x59, history: 0x5a, totals: 0x5b } as const;

const VERSION = 1;

/**
 * What is done of a migration. `intent`: nothing yet; `copying`: the next batch is being read; `copied`: its bytes are in the
 * other tier; `verified`: they were read back; `switched`: one commit has made them the copy that counts and has given up
 * the other; then comes the next batch, or its end. What a crash leaves in any state is gone on with from `blobsDone`.
 */
const migrationStates = ['intent', 'copying', 'copied', 'verified', 'switched'] as const;
export type MigrationState = (typeof migrationStates)[number];

export interface MigrationProgress {
  readonly state: MigrationState;
  /** Blobs of the order that are switched or passed over. */
  readonly blobsDone: number;
  readonly blobsMoved: number;
  readonly bytesMoved: number;
  /** Bytes that came from each tier, warmest first. */
  readonly bytesFrom: readonly number[];
  /** Seconds since 1970. */
  readonly startedAt: number;
}

export const orderKey = (id: number): Uint8Array => tupleKey(migrationTables.order, [id]);
export const stateKey = (id: number): Uint8Array => tupleKey(migrationTables.state, [id]);
export const TOTALS_KEY = tupleKey(migrationTables.totals, []);
export const orderRange = prefixRange(Uint8Array.of(migrationTables.order));
export const idOfOrderKey = (key: Uint8Array): number => decodeU64(key, 1);

/** Of a policy, oldest first. The name ends with a zero, which no name has, so that none is the beginning of another. */
export function historyKey(policy: string | undefined, id: number): Uint8Array {
  return Buffer.concat([historyPrefix(policy), tupleKey(0, [id]).subarray(1)]);
}

export const historyRange = (policy: string | undefined): KeyRange => prefixRange(historyPrefix(policy));

function historyPrefix(policy: string | undefined): Uint8Array {
  const name = Buffer.from(policy ?? '');
  assert(!name.includes(0), 'the name of a policy has a zero');
  return Buffer.concat([Uint8Array.of(migrationTables.history), name, Uint8Array.of(0)]);
}

const triggers: readonly MigrationTrigger[] = ['order', 'policy', 'pressure', 'read', 'repair'];

export function encodeOrder({ blobs, to, trigger, policy }: MigrationOrder): Uint8Array {
  const writer = new RecordWriter().number(VERSION).number(tiers.indexOf(to));
  writer.number(triggers.indexOf(trigger)).text(policy ?? '');
  return writer.list(blobs, (id) => writer.number(id)).finish();
}

export function decodeOrder(bytes: Uint8Array): MigrationOrder {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'migration of an unknown version');
  const to = tiers[reader.number()];
  const trigger = triggers[reader.number()];
  assert(to !== undefined && trigger !== undefined, 'migration of an unknown kind');
  const policy = reader.text();
  const blobs = reader.list(() => reader.number() as BlobId);
  reader.end();
  return { blobs, to, trigger, ...(policy !== '' && { policy }) };
}

export function encodeProgress(progress: MigrationProgress): Uint8Array {
  const { state, blobsDone, blobsMoved, bytesMoved, bytesFrom, startedAt } = progress;
  const writer = new RecordWriter().number(VERSION).number(migrationStates.indexOf(state));
  writer.number(blobsDone).number(blobsMoved).number(bytesMoved);
  return writer
    .list(bytesFrom, (bytes) => writer.number(bytes))
    .signed(startedAt)
    .finish();
}

export function decodeProgress(bytes: Uint8Array): MigrationProgress {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'state of a migration of an unknown version');
  const state = migrationStates[reader.number()];
  assert(state !== undefined, 'migration in an unknown state');
  const done = { blobsDone: reader.number(), blobsMoved: reader.number(), bytesMoved: reader.number() };
  const progress = { state, ...done, bytesFrom: reader.list(() => reader.number()) };
  const startedAt = reader.signed();
  reader.end();
  return { ...progress, startedAt };
}

const outcomes = ['completed', 'failed'] as const;

export function encodeRecord(record: Omit<MigrationRecord, 'id' | 'policy'>): Uint8Array {
  const writer = new RecordWriter().number(VERSION);
  writer.number(tiers.indexOf(record.from)).number(tiers.indexOf(record.to));
  writer.number(triggers.indexOf(record.trigger)).number(record.blobs).number(record.bytes);
  writer.signed(record.startedAt).number(record.milliseconds);
  return writer
    .number(outcomes.indexOf(record.outcome))
    .text(record.error ?? '')
    .finish();
}

export function decodeRecord(
  key: Uint8Array,
  bytes: Uint8Array,
  policy: string | undefined,
): MigrationRecord {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'history of an unknown version');
  const [from, to, trigger] = [tiers[reader.number()], tiers[reader.number()], triggers[reader.number()]];
  assert(from !== undefined && to !== undefined && trigger !== undefined, 'history of an unknown kind');
  const counts = { blobs: reader.number(), bytes: reader.number() };
  const times = { startedAt: reader.signed(), milliseconds: reader.number() };
  const outcome = outcomes[reader.number()];
  assert(outcome !== undefined, 'history of an unknown outcome');
  const error = reader.text();
  reader.end();
  const id = decodeU64(key, key.length - 8);
  const named = { ...(policy !== undefined && { policy }), ...(error !== '' && { error }) };
  return { id, from, to, trigger, ...counts, ...times, outcome, ...named };
}

/** Since the first start of the gateway. */
export type MigrationCounts = Pick<MigrationTotals, 'completed' | 'failed' | 'bytes'>;

export function encodeCounts({ completed, failed, bytes }: MigrationCounts): Uint8Array {
  return new RecordWriter().number(VERSION).number(completed).number(failed).number(bytes).finish();
}

export function decodeCounts(row: Uint8Array | undefined): MigrationCounts {
  if (row === undefined) return { completed: 0, failed: 0, bytes: 0 };
  const reader = new RecordReader(row);
  assert.equal(reader.number(), VERSION, 'totals of an unknown version');
  const counts = { completed: reader.number(), failed: reader.number(), bytes: reader.number() };
  reader.end();
  return counts;
}
