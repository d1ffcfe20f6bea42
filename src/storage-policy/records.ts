import assert from 'node:assert/strict';
import { RecordReader, RecordWriter, textRecord } from '../codec.ts';
import type { KeyRange } from '../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { Tier } from '../tiering/tier.ts';
import { tiers } from '../tiering/tier.ts';

/** Table prefixes, behind those of the accounts: a policy under its name, a move under its number. */
const policyTable = 0x34;
const moveTable = 0x35;

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
