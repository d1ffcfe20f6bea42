import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { KeyRange } from '../../kv/kv.ts';
import { prefixRange, tupleKey } from '../../kv/tuple.ts';
import type { LockClient } from './locks.ts';

/** Behind the tables of uploads and versions (`../keys.ts`). */
const table = 0x28;
const VERSION = 1;

/** Holds this server's state number as the status monitor protocol counts it: odd while it is up. */
export const SERVER_STATE_KEY = Buffer.from('\u0001lock-server-state');

export const clientText = ({ address, name }: LockClient): string => `${address} ${name}`;
export const clientKey = (client: LockClient): Uint8Array =>
  tupleKey(table, [], Buffer.from(clientText(client)));
export const clientRange = (): KeyRange => prefixRange(tupleKey(table, []));

export const encodeClient = ({ address, name }: LockClient): Uint8Array =>
  new RecordWriter().number(VERSION).text(address).text(name).finish();

export function decodeClient(bytes: Uint8Array): LockClient {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'lock client record of an unknown version');
  const client = { address: reader.text(), name: reader.text() };
  reader.end();
  return client;
}

export const encodeServerState = (state: number): Uint8Array => new RecordWriter().number(state).finish();
export const decodeServerState = (bytes: Uint8Array): number => new RecordReader(bytes).number();
