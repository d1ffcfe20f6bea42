import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { KeyRange } from '../kv/kv.ts';
import { prefixRange, tupleKey } from '../kv/tuple.ts';

/** Table prefix: behind those of the key ring. */
const table = 0x3a;

const VERSION = 1;

/** A rule is stored under its name. */
export const exportKey = (name: string): Uint8Array => tupleKey(table, [], Buffer.from(name));
export const exportRange = (): KeyRange => prefixRange(tupleKey(table, []));
export const nameOfExportKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');

/** As the JSON that the admin API takes: members that come later have their defaults in older rows. */
export const encodeExport = (json: string): Uint8Array =>
  new RecordWriter().number(VERSION).text(json).finish();

export function decodeExport(bytes: Uint8Array): string {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'export record of an unknown version');
  const json = reader.text();
  reader.end();
  return json;
}
