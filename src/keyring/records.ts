import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import type { KeyRange } from '../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { KeyPurpose, KeyState } from './keyring.ts';

/** Table prefixes of the key ring: between those of the accounts and of tiering. */
export const table = { key: 0x38, alias: 0x39, dataKey: 0x3b } as const;

const VERSION = 1;
const purposes: readonly KeyPurpose[] = ['s3', 'default', 'named'];
const states: readonly KeyState[] = ['enabled', 'disabled', 'deleting'];

/** One version of a key's material. */
export interface KeyVersionRow {
  readonly number: number;
  /** One frame of workers/cipher.ts under the gateway's own key. */
  readonly sealed: Uint8Array;
  readonly createdAt: Time;
}

/** A key as it is stored, under its id. */
export interface RingKeyRow {
  /** Without `alias/`; empty: none. */
  readonly alias: string;
  readonly purpose: KeyPurpose;
  readonly state: KeyState;
  readonly createdAt: Time;
  /** Ascending; the last one seals. */
  readonly versions: readonly KeyVersionRow[];
}

export const ringKeyKey = (id: string): Uint8Array => tupleKey(table.key, [], Buffer.from(id));
export const ringKeyRange = (): KeyRange => prefixRange(tupleKey(table.key, []));
export const idOfRingKeyKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');
/** Holds the id of the key: no alias belongs to two. */
export const aliasKey = (alias: string): Uint8Array => tupleKey(table.alias, [], Buffer.from(alias));

/** A data key as it is stored, under its id. */
export interface DataKeyRow {
  /** The version of the ring's key of SSE-S3 that seals it. */
  readonly keyVersion: number;
  /** How many data keys there were when it was written, as all of them are at once. */
  readonly count: number;
  /** One frame of workers/cipher.ts. */
  readonly sealed: Uint8Array;
}

export const dataKeyKey = (id: number): Uint8Array => tupleKey(table.dataKey, [id]);
export const dataKeyRange = (): KeyRange => prefixRange(tupleKey(table.dataKey, []));
export const idOfDataKeyKey = (key: Uint8Array): number => decodeU64(key, 1);

export const encodeDataKey = ({ keyVersion, count, sealed }: DataKeyRow): Uint8Array =>
  new RecordWriter().number(VERSION).number(keyVersion).number(count).bytes(sealed).finish();

export function decodeDataKey(bytes: Uint8Array): DataKeyRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'data key record of an unknown version');
  const row = { keyVersion: reader.number(), count: reader.number(), sealed: reader.bytes() };
  reader.end();
  return row;
}

export function encodeRingKey({ alias, purpose, state, createdAt, versions }: RingKeyRow): Uint8Array {
  const writer = new RecordWriter().number(VERSION).text(alias);
  writer.number(purposes.indexOf(purpose)).number(states.indexOf(state));
  writer.time(createdAt);
  writer.list(versions, (version) => {
    writer.number(version.number).bytes(version.sealed);
    writer.time(version.createdAt);
  });
  return writer.finish();
}

export function decodeRingKey(bytes: Uint8Array): RingKeyRow {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'key record of an unknown version');
  const alias = reader.text();
  const purpose = purposes[reader.number()];
  assert(purpose !== undefined, 'key record of an unknown purpose');
  const state = states[reader.number()];
  assert(state !== undefined, 'key record of an unknown state');
  const createdAt = reader.time();
  const versions = reader.list(() => ({
    number: reader.number(),
    sealed: reader.bytes(),
    createdAt: reader.time(),
  }));
  reader.end();
  return { alias, purpose, state, createdAt, versions };
}
