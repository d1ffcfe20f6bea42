import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import { Fault } from '../fault.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { MOVED_KEYS_PER_STEP_MAX } from '../limits.ts';
import { resolve } from './resolve.ts';
import { requireBucket } from './attributes.ts';
import { editOf } from './create.ts';
import { keyOfVersionKey, movedKey, movedRange, versionRange } from './keys.ts';
import type { Ino, ObjectKey } from './namespace.ts';
import type { Parts } from './parts.ts';
import type { EntryName } from './records.ts';
import { keyOf, markDeleted, type KeyChange } from './versions.ts';

/** Keys with this prefix lead nowhere since their directory has moved; those with a history shall end it in a delete marker. */
interface Moved {
  readonly bucket: Ino;
  readonly prefix: Uint8Array;
  /** Done up to this key; empty: nothing yet. */
  readonly done: ObjectKey;
}

const NOTHING = new Uint8Array(0);

/**
 * With the rename of a directory, which moves one entry: the history of the keys that were below it stays under them, and
 * the background gives it an end. Without such a history, nothing is left to do.
 */
export async function noteMoved(change: KeyChange, bucket: Ino, entry: EntryName): Promise<void> {
  const { parts, edit, rules } = change;
  if (rules.versioning === 'off') return;
  const prefix = Buffer.concat([await keyOf(edit.tx, entry), Buffer.from('/')]);
  if ((await keysBehind(edit.tx, { bucket, prefix, done: NOTHING }, 1)).length === 0) return;
  edit.tx.put(movedKey(parts.sequence.next()), encode({ bucket, prefix, done: NOTHING }));
}

/** One bounded unit of that work; true when there was some. Whoever makes such a key again, or moves it back, needs no marker. */
export async function markMoved(parts: Parts): Promise<boolean> {
  for await (const [first] of parts.kv.scan(movedRange(), { pageEntries: 1 })) {
    if (first === undefined) return false;
    await parts.kv.transact('durable', (tx) => markSome(parts, tx, first.key));
    return true;
  }
  return false;
}

async function markSome(parts: Parts, tx: KvTransaction, row: Uint8Array): Promise<void> {
  const bytes = await tx.get(row);
  if (bytes === undefined) return;
  const moved = decode(bytes);
  const bucket = await requireBucket(tx, moved.bucket).catch(ifGone);
  const keys = bucket === undefined ? [] : await keysBehind(tx, moved, MOVED_KEYS_PER_STEP_MAX);
  const last = keys.at(-1);
  if (bucket === undefined || last === undefined) {
    tx.delete(row);
    return;
  }
  const copy = (): never => assert.fail('a delete marker copies nothing');
  const change: KeyChange = { parts, edit: editOf(parts, tx), copy, rules: bucket.rules, door: 'nfs' };
  for (const key of keys) {
    const at = { bucket: moved.bucket, key };
    if ((await resolve(tx, at.bucket, key)) === undefined) await markDeleted(change, at);
  }
  tx.put(row, encode({ ...moved, done: last }));
}

/** Keys that have rows of old versions or delete markers, from behind the last one that is done. */
async function keysBehind(
  reader: KvReader,
  { bucket, prefix, done }: Moved,
  keysMax: number,
): Promise<readonly ObjectKey[]> {
  const keys: ObjectKey[] = [];
  let key = done;
  while (keys.length < keysMax) {
    const range = versionRange(bucket, prefix, { key, order: undefined });
    if (Buffer.compare(range.start, range.end) >= 0) return keys;
    const next = await firstKey(reader, range);
    if (next === undefined) return keys;
    keys.push(next);
    key = next;
  }
  return keys;
}

async function firstKey(
  reader: KvReader,
  range: { readonly start: Uint8Array; readonly end: Uint8Array },
): Promise<ObjectKey | undefined> {
  for await (const [first] of reader.scan(range, { pageEntries: 1 }))
    return first && keyOfVersionKey(first.key);
  return undefined;
}

function ifGone(failure: unknown): undefined {
  if (failure instanceof Fault && failure.code === 'not-found') return undefined;
  throw failure;
}

const encode = ({ bucket, prefix, done }: Moved): Uint8Array =>
  new RecordWriter().number(bucket).bytes(prefix).bytes(done).finish();

function decode(bytes: Uint8Array): Moved {
  const reader = new RecordReader(bytes);
  const moved = { bucket: reader.number() as Ino, prefix: reader.bytes(), done: reader.bytes() };
  reader.end();
  return moved;
}
