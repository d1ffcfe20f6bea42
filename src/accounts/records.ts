import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import type { KeyRange } from '../kv/kv.ts';
import { prefixRange, tupleKey } from '../kv/tuple.ts';

/** Table prefixes of the accounts: between those of the namespace and of tiering. */
const table = { user: 0x30, accessKey: 0x31, account: 0x32 } as const;

const VERSION = 1;

/** A user as it is stored, under its name. */
export interface UserRow {
  readonly accountId: string;
  readonly uid: number;
  readonly gid: number;
  readonly createdAt: Time;
  readonly keys: readonly KeyRow[];
  readonly policies: readonly PolicyRow[];
}

export interface KeyRow {
  readonly accessKey: string;
  /** By SecretBox. */
  readonly sealed: Uint8Array;
  readonly createdAt: Time;
}

export interface PolicyRow {
  readonly name: string;
  /** Document, JSON. */
  readonly text: string;
}

export const userKey = (name: string): Uint8Array => tupleKey(table.user, [], Buffer.from(name));
export const userRange = (): KeyRange => prefixRange(tupleKey(table.user, []));
export const nameOfUserKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');
/** Holds the name of the user: no key belongs to two. */
export const accessKeyKey = (accessKey: string): Uint8Array =>
  tupleKey(table.accessKey, [], Buffer.from(accessKey));
/** Holds the first name of the user, and outlives it: no account id is given twice. */
export const accountKey = (id: string): Uint8Array => tupleKey(table.account, [], Buffer.from(id));

export function encodeUser(row: UserRow): Uint8Array {
  const writer = new RecordWriter().number(VERSION).text(row.accountId).number(row.uid).number(row.gid);
  writer.time(row.createdAt);
  writer.list(row.keys, ({ accessKey, sealed, createdAt }) => {
    writer.text(accessKey).bytes(sealed);
    writer.time(createdAt);
  });
  // Rows from before there were policies end without them.
  if (row.policies.length > 0) writer.list(row.policies, ({ name, text }) => writer.text(name).text(text));
  return writer.finish();
}

export function decodeUser(bytes: Uint8Array): UserRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'user record of an unknown version');
  const row = {
    accountId: reader.text(),
    uid: reader.number(),
    gid: reader.number(),
    createdAt: reader.time(),
    keys: reader.list(() => ({
      accessKey: reader.text(),
      sealed: reader.bytes(),
      createdAt: reader.time(),
    })),
    policies: reader.hasMore() ? reader.list(() => ({ name: reader.text(), text: reader.text() })) : [],
  };
  reader.end();
  return row;
}
