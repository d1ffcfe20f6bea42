import assert from 'node:assert/strict';
import { RecordReader, RecordWriter, textRecord } from '../codec.ts';
import type { KeyRange } from '../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { Ino } from '../namespace/namespace.ts';
import type { RecallWish } from '../tiering/segment-store.ts';
import type { Tier } from '../tiering/tier.ts';
import { tiers } from '../tiering/tier.ts';

/** Table prefixes, behind those of the accounts: a policy under its name, a move under its number, a restore under its file. */
const policyTable = 0x34;
const moveTable = 0x35;
const restoreTable = 0x36;

const VERSION = 1;

export const policyKey = (name: string): Uint8Array => tupleKey(policyTable, [], Buffer.from(name));
export const policyRange = (): KeyRange => prefixRange(tupleKey(policyTable, []));
export const nameOfPolicyKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');

/** As the JSON that the admin API takes. */
export const { encode: encodePolicy, decode: decodePolicy } = textRecord(VERSION, 'storage policy');

/** What somebody ordered to be moved, until it is done: a restart begins it again. */
export interface MoveRow {
  readonly target: string;
  readonly to: Tier;
}

export const moveKey = (id: number): Uint8Array => tupleKey(moveTable, [id]);
export const moveRange = (): KeyRange => prefixRange(tupleKey(moveTable, []));
export const idOfMoveKey = (key: Uint8Array): number => decodeU64(key, 1);

export const encodeMove = ({ target, to }: MoveRow): Uint8Array =>
  new RecordWriter().number(VERSION).text(target).number(tiers.indexOf(to)).finish();

export function decodeMove(bytes: Uint8Array): MoveRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'a move of an unknown version');
  const target = reader.text();
  const to = tiers[reader.number()];
  assert(to !== undefined, 'a move to an unknown tier');
  reader.end();
  return { target, to };
}

/** Content of a file that shall be readable for a while, from when it was asked for until that time is over. */
export interface RestoreRow extends RecallWish {
  /** All stores concerned have been told. */
  readonly isAsked: boolean;
  /** Seconds since 1970; `undefined` until all of the content can be read. */
  readonly until: number | undefined;
}

export const restoreSpeeds = ['Bulk', 'Standard', 'Expedited'] as const;

export const restoreKey = (ino: Ino): Uint8Array => tupleKey(restoreTable, [ino]);
export const restoreRange = (): KeyRange => prefixRange(tupleKey(restoreTable, []));
export const inoOfRestoreKey = (key: Uint8Array): Ino => decodeU64(key, 1) as Ino;

export const encodeRestore = ({ days, speed, isAsked, until }: RestoreRow): Uint8Array =>
  new RecordWriter()
    .number(VERSION)
    .number(days)
    .number(restoreSpeeds.indexOf(speed))
    .number(isAsked ? 1 : 0)
    .number(until ?? 0)
    .finish();

export function decodeRestore(bytes: Uint8Array): RestoreRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'a restore of an unknown version');
  const days = reader.number();
  const speed = restoreSpeeds[reader.number()];
  assert(speed !== undefined, 'a restore of an unknown speed');
  const isAsked = reader.number() === 1;
  const until = reader.number();
  reader.end();
  return { days, speed, isAsked, until: until === 0 ? undefined : until };
}
