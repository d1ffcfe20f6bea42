import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Key, KeyRange, Value } from '../../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../../kv/tuple.ts';
import type { BlobId } from '../blobs.ts';

/** Copies of blobs that are ranges of objects of others, by blob. */
const FOREIGN_TABLE = 0x56;
const VERSION = 1;
/** With what follows from the object being one of ours. */
const NATIVE_VERSION = 2;

/** Which attached bucket; never used again for another one. */
export type BindingId = number & { readonly brand: 'BindingId' };

/** The bytes of a blob as those of an object that is not ours. All lengths in bytes. */
export interface ForeignRange {
  readonly binding: BindingId;
  /** In the attached bucket, prefix included; opaque here. */
  readonly key: string;
  /** As the store wrote it, quotes included. */
  readonly etag: string;
  /** Where in the object the blob begins. */
  readonly offset: number;
  /** Of the blob, at least 1. */
  readonly length: number;
  /** Only of objects that we have put there (ADR 34, native layout). */
  readonly native?: NativeCopy;
}

export interface NativeCopy {
  /** Which upload of the key it is (native-records.ts). */
  readonly object: number;
  /** Of the blocks of the blob (block-checksums.ts). */
  readonly checksums: Uint8Array;
}

export const foreignKey = (id: BlobId): Key => tupleKey(FOREIGN_TABLE, [id]);
export const blobOfForeignKey = (key: Key): BlobId => decodeU64(key, 1) as BlobId;
/** Of all bindings, from behind a blob; 0: from the first. */
export const foreignAfter = (id: BlobId | 0): KeyRange => ({
  start: tupleKey(FOREIGN_TABLE, [id + 1]),
  end: prefixRange(tupleKey(FOREIGN_TABLE, [])).end,
});

export function encodeForeign({ binding, key, etag, offset, length, native }: ForeignRange): Value {
  assert(length > 0, 'a foreign blob without bytes');
  const writer = new RecordWriter().number(native === undefined ? VERSION : NATIVE_VERSION);
  writer.number(binding).text(key).text(etag).number(offset).number(length);
  if (native !== undefined) writer.number(native.object).bytes(native.checksums);
  return writer.finish();
}

export function decodeForeign(value: Value): ForeignRange {
  const reader = new RecordReader(value);
  const version = reader.number();
  assert(version === VERSION || version === NATIVE_VERSION, 'foreign row of an unknown version');
  const binding = reader.number() as BindingId;
  const range = { binding, key: reader.text(), etag: reader.text() };
  const whole = { ...range, offset: reader.number(), length: reader.number() };
  const native = version === VERSION ? undefined : { object: reader.number(), checksums: reader.bytes() };
  reader.end();
  assert(whole.length > 0, 'a foreign blob without bytes');
  return native === undefined ? whole : { ...whole, native };
}
