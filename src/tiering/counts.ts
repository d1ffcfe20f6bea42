import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Key, Merge, Value } from '../kv/kv.ts';

/**
 * First byte of the rows of tiering that many transactions change at once: a fixed number of signed counts each, which the
 * store adds up at commit (`KvTransaction.merge`), so that their writers do not conflict. A row of zeros is none.
 */
export const COUNTS_TABLE = 0x4d;

export const isCountsKey = (key: Key): boolean => key[0] === COUNTS_TABLE;

/** A row of counts, and a change of one. */
export function encodeCounts(counts: readonly number[]): Value {
  const writer = new RecordWriter();
  for (const count of counts) writer.signed(count);
  return writer.finish();
}

/** So many counts; without a row all are 0. */
export function decodeCounts(row: Value | undefined, length: number): readonly number[] {
  if (row === undefined) return new Array<number>(length).fill(0);
  const reader = new RecordReader(row);
  const counts = Array.from({ length }, () => reader.signed());
  reader.end();
  return counts;
}

/** The merge function of these rows. */
export const mergeCounts: Merge = (_key, existing, operand) => {
  const changes = readAll(operand);
  const before = existing === undefined ? changes.map(() => 0) : readAll(existing);
  assert.equal(before.length, changes.length, 'counts of another row');
  const after = before.map((count, index) => count + (changes[index] ?? 0));
  return after.every((count) => count === 0) ? undefined : encodeCounts(after);
};

function readAll(row: Value): readonly number[] {
  const reader = new RecordReader(row);
  const counts: number[] = [];
  while (reader.hasMore()) counts.push(reader.signed());
  return counts;
}
