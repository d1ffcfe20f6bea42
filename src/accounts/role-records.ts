import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import type { KeyRange } from '../kv/kv.ts';
import { prefixRange, tupleKey } from '../kv/tuple.ts';

/** Table prefix: behind those of users (records.ts). */
const table = 0x33;

const VERSION = 1;

/** A role as it is stored, under its name. */
export interface RoleRow {
  readonly id: string;
  readonly accountId: string;
  readonly trust: string;
  readonly policies: readonly string[];
  readonly createdAt: Time;
}

export const roleKey = (name: string): Uint8Array => tupleKey(table, [], Buffer.from(name));
export const roleRange = (): KeyRange => prefixRange(tupleKey(table, []));
export const nameOfRoleKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');

export function encodeRole({ id, accountId, trust, policies, createdAt }: RoleRow): Uint8Array {
  const writer = new RecordWriter().number(VERSION).text(id).text(accountId).text(trust);
  writer.list(policies, (policy) => writer.text(policy));
  return writer.time(createdAt).finish();
}

export function decodeRole(bytes: Uint8Array): RoleRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'role record of an unknown version');
  const row = {
    id: reader.text(),
    accountId: reader.text(),
    trust: reader.text(),
    policies: reader.list(() => reader.text()),
    createdAt: reader.time(),
  };
  reader.end();
  return row;
}
