import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Key, KeyRange, Value } from '../../kv/kv.ts';
import { prefixRange } from '../../kv/tuple.ts';
import { isStripeShape, type StripeShape } from '../../workers/erasure.ts';
import { SEGMENT_ID_BYTES } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';

/** First bytes of the keys: the pool with its devices, and a stripe for each segment. */
const POOL_TABLE = 0x50;
const STRIPE_TABLE = 0x51;
/** Second byte within the table of the pool. */
const POOL_ROW = 0;
const DEVICE_ROW = 1;
const VERSION = 1;

/** Counts from 1, and is never used for another device. */
export type DeviceNumber = number & { readonly brand: 'DeviceNumber' };
/** Stands in a stripe for a shard that lies nowhere. */
export const NOWHERE = 0;

/** `new`: chosen, but not yet marked. `removed`: its shards are elsewhere, its path is not used again by itself. */
const deviceStates = ['new', 'in-service', 'draining', 'removed'] as const;
export type DeviceState = (typeof deviceStates)[number];

export interface DeviceRecord {
  readonly number: DeviceNumber;
  /** 16 bytes in hex, as it is marked. */
  readonly id: string;
  readonly path: string;
  readonly state: DeviceState;
  /** Who takes over its shards; NOWHERE for anybody. */
  readonly successor: DeviceNumber | typeof NOWHERE;
}

export interface PoolRecord {
  /** 16 bytes in hex. */
  readonly id: string;
  readonly nextDevice: number;
}

/** Where a segment lies. */
export interface Stripe {
  readonly shape: StripeShape;
  readonly generation: number;
  /** Of each shard without its header. */
  readonly shardBytes: number;
  /** Of the checksums that each header of this encoding has: a header that differs belongs to another one. */
  readonly tableChecksum: number;
  /** By index of the shard. */
  readonly devices: readonly (DeviceNumber | typeof NOWHERE)[];
}

export const poolKey: Key = Uint8Array.of(POOL_TABLE, POOL_ROW);
export const deviceRange: KeyRange = prefixRange(Uint8Array.of(POOL_TABLE, DEVICE_ROW));
export const stripeRange: KeyRange = prefixRange(Uint8Array.of(STRIPE_TABLE));

export function deviceKey(number: DeviceNumber): Key {
  const key = Buffer.alloc(6);
  key[0] = POOL_TABLE;
  key[1] = DEVICE_ROW;
  key.writeUInt32BE(number, 2);
  return key;
}

export function stripeKey(id: SegmentId): Key {
  const bytes = Buffer.from(id, 'hex');
  assert(bytes.length === SEGMENT_ID_BYTES, `segment id ${id}`);
  return Buffer.concat([Uint8Array.of(STRIPE_TABLE), bytes]);
}

export function segmentIdOf(key: Key): SegmentId {
  assert(key.length === 1 + SEGMENT_ID_BYTES, `a stripe key of ${key.length} bytes`);
  return Buffer.from(key.subarray(1)).toString('hex') as SegmentId;
}

/** The smallest key above that of `id`. */
export const keyAfter = (id: SegmentId): Key => Buffer.concat([stripeKey(id), Uint8Array.of(0)]);

export const encodePool = ({ id, nextDevice }: PoolRecord): Value =>
  new RecordWriter().number(VERSION).bytes(Buffer.from(id, 'hex')).number(nextDevice).finish();

export function decodePool(value: Value): PoolRecord {
  const reader = readerOf(value);
  const pool = { id: hex(reader.bytes()), nextDevice: reader.number() };
  reader.end();
  return pool;
}

export const encodeDevice = ({ id, path, state, successor }: DeviceRecord): Value =>
  new RecordWriter()
    .number(VERSION)
    .bytes(Buffer.from(id, 'hex'))
    .text(path)
    .number(deviceStates.indexOf(state))
    .number(successor)
    .finish();

export function decodeDevice(key: Key, value: Value): DeviceRecord {
  const reader = readerOf(value);
  const number = Buffer.from(key.subarray(2)).readUInt32BE() as DeviceNumber;
  const [id, path] = [hex(reader.bytes()), reader.text()];
  const state = deviceStates[reader.number()];
  assert(state !== undefined, `the warm device ${path} is in an unknown state`);
  const successor = reader.number() as DeviceNumber;
  reader.end();
  return { number, id, path, state, successor };
}

export function encodeStripe(stripe: Stripe): Value {
  assertStripe(stripe);
  const { shape, generation, shardBytes, tableChecksum, devices } = stripe;
  const writer = new RecordWriter().number(VERSION).number(shape.data).number(shape.parity);
  writer.number(generation).number(shardBytes).number(tableChecksum);
  return writer.list(devices, (device) => writer.number(device)).finish();
}

export function decodeStripe(value: Value): Stripe {
  const reader = readerOf(value);
  const shape = { data: reader.number(), parity: reader.number() };
  const [generation, shardBytes, tableChecksum] = [reader.number(), reader.number(), reader.number()];
  const devices = reader.list(() => reader.number() as DeviceNumber);
  reader.end();
  const stripe = { shape, generation, shardBytes, tableChecksum, devices };
  assertStripe(stripe);
  return stripe;
}

function assertStripe({ shape, shardBytes, devices }: Stripe): void {
  assert(isStripeShape(shape), 'a stripe of no shape');
  assert(shardBytes > 0, 'shards are not empty');
  assert(devices.length === shape.data + shape.parity, 'one device a shard');
  const used = devices.filter((it) => it !== NOWHERE);
  assert(new Set(used).size === used.length, 'one shard a device');
}

function readerOf(value: Value): RecordReader {
  const reader = new RecordReader(value);
  const version = reader.number();
  assert(version === VERSION, `a row of the warm pool of unknown version ${version}`);
  return reader;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
