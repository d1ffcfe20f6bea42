import { textRecord } from '../codec.ts';
import type { KeyRange } from '../kv/kv.ts';
import { prefixRange, tupleKey } from '../kv/tuple.ts';

/** Table prefix: behind those of the key ring. */
const table = 0x3a;

const VERSION = 1;

/** A rule is stored under its name. */
export const exportKey = (name: string): Uint8Array => tupleKey(table, [], Buffer.from(name));
export const exportRange = (): KeyRange => prefixRange(tupleKey(table, []));
export const nameOfExportKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');

/** As the JSON that the admin API takes. */
export const { encode: encodeExport, decode: decodeExport } = textRecord(VERSION, 'export record');
