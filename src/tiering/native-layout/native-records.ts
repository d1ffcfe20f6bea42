import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Key, KeyRange, KvTransaction, Value } from '../../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../../kv/tuple.ts';
import type { BlobId } from '../blobs.ts';
import type { BindingId } from '../foreign/foreign-records.ts';

/** What lies under keys of objects in the cold store, by key; which blobs have their copy there; keys that want a look. */
const OBJECTS_TABLE = 0x55;
const BLOBS_TABLE = 0x57;
const LEADS_TABLE = 0x5d;
const VERSION = 1;

/** The cold store as what foreign rows name; no binding of an attached bucket has this number. */
export const NATIVE_BINDING = 0 as BindingId;

/**
 * `uploading`: an upload was begun and may have had its effect, or not; `here`: it lies there and was read back; `leaving`:
 * nothing needs it any more, and it is deleted.
 */
const states = ['uploading', 'here', 'leaving'] as const;

/** An object of ours in the cold store. */
export interface NativeRow {
  /** Of this upload; given once. Blobs that have their copy in it are listed under it. */
  readonly id: number;
  readonly state: (typeof states)[number];
  /** While `uploading`, of what of ours was there before. Empty: there was nothing. */
  readonly etag: string;
  /** What it shows (whole-objects.ts); a `fileState` of 0: it must be uploaded again. */
  readonly file: number;
  readonly fileState: number;
  readonly length: number;
  /** Of all bytes; empty while they are not known. */
  readonly crc64nvme: Uint8Array;
  /** Of an upload in parts; empty for none. */
  readonly upload: string;
}

export const nativeKey = (key: string): Key => tupleKey(OBJECTS_TABLE, [], Buffer.from(key));
export const allNatives: KeyRange = prefixRange(Uint8Array.of(OBJECTS_TABLE));

export function encodeNative(row: NativeRow): Value {
  const { id, state, etag, file, fileState, length, crc64nvme, upload } = row;
  assert(row.state === 'uploading' || etag !== '', 'an object in the cold store without an ETag');
  const writer = new RecordWriter().number(VERSION).number(id).number(states.indexOf(state)).text(etag);
  return writer.number(file).number(fileState).number(length).bytes(crc64nvme).text(upload).finish();
}

export function decodeNative(value: Value): NativeRow {
  const reader = new RecordReader(value);
  assert.equal(reader.number(), VERSION, 'row of an object in the cold store of an unknown version');
  const id = reader.number();
  const state = states[reader.number()];
  assert(state !== undefined, 'an object in the cold store in an unknown state');
  const row = { id, state, etag: reader.text(), file: reader.number(), fileState: reader.number() };
  const whole = { ...row, length: reader.number(), crc64nvme: reader.bytes(), upload: reader.text() };
  reader.end();
  return whole;
}

export const nativeBlobKey = (object: number, id: BlobId): Key => tupleKey(BLOBS_TABLE, [object, id]);
export const nativeBlobs = (object: number): KeyRange => prefixRange(tupleKey(BLOBS_TABLE, [object]));
export const blobOfNativeKey = (key: Key): BlobId => decodeU64(key, 9) as BlobId;
export const HAS_COPY: Value = Uint8Array.of(VERSION);

const leadKeyOf = (key: string): Key => tupleKey(LEADS_TABLE, [], Buffer.from(key));
export const keyOfLead = (lead: Key): string => Buffer.from(lead.subarray(1)).toString();
/** Ascending from behind a key; the empty text is before all. */
export const leadsAfter = (key: string): KeyRange => ({
  start: Buffer.concat([leadKeyOf(key), Uint8Array.of(0)]),
  end: prefixRange(Uint8Array.of(LEADS_TABLE)).end,
});

/** Whether it is needed is looked at later; with the transaction that may have made it needless. */
export const putLead = (tx: KvTransaction, key: string): void => tx.put(leadKeyOf(key), HAS_COPY);
export const deleteLead = (tx: KvTransaction, key: string): void => tx.delete(leadKeyOf(key));

/** With the foreign row of the blob. */
export function forgetNativeBlob(
  tx: KvTransaction,
  { id, object, key }: { readonly id: BlobId; readonly object: number; readonly key: string },
): void {
  tx.delete(nativeBlobKey(object, id));
  putLead(tx, key);
}
