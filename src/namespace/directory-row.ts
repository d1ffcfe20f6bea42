import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import type { Merge } from '../kv/kv.ts';
import { advance } from './time.ts';

/** What changes about a directory whenever its entries do; a row of its own, merged, so that busy directories do not conflict. */
export interface DirectoryRow {
  readonly entries: number;
  readonly subdirectories: number;
  /** Pairs of a file and a directory of the same name; only S3 makes them. */
  readonly clashes: number;
  readonly mtime: Time;
  readonly ctime: Time;
  readonly contentGeneration: number;
}

/** The operand of a merge: counts to add, and when. */
export interface DirectoryDelta {
  readonly entries: number;
  readonly subdirectories: number;
  readonly clashes: number;
  readonly now: Time;
  readonly contentGeneration: number;
}

export function encodeDirectory(row: DirectoryRow): Uint8Array {
  const writer = new RecordWriter().number(row.entries).number(row.subdirectories).number(row.clashes);
  writer.number(row.contentGeneration).time(row.mtime);
  return writer.time(row.ctime).finish();
}

export function decodeDirectory(bytes: Uint8Array): DirectoryRow {
  const reader = new RecordReader(bytes);
  const row = {
    entries: reader.number(),
    subdirectories: reader.number(),
    clashes: reader.number(),
    contentGeneration: reader.number(),
    mtime: reader.time(),
    ctime: reader.time(),
  };
  reader.end();
  return row;
}

export function encodeDelta(delta: DirectoryDelta): Uint8Array {
  const writer = new RecordWriter().signed(delta.entries).signed(delta.subdirectories).signed(delta.clashes);
  return writer.number(delta.contentGeneration).time(delta.now).finish();
}

function decodeDelta(bytes: Uint8Array): DirectoryDelta {
  const reader = new RecordReader(bytes);
  return {
    entries: reader.signed(),
    subdirectories: reader.signed(),
    clashes: reader.signed(),
    contentGeneration: reader.number(),
    now: reader.time(),
  };
}

/** Counters add up; the change time and the generation only go forward. */
export function applyDelta(row: DirectoryRow, delta: DirectoryDelta): DirectoryRow {
  const changedAt = advance(row.ctime, delta.now);
  return {
    entries: row.entries + delta.entries,
    subdirectories: row.subdirectories + delta.subdirectories,
    clashes: row.clashes + delta.clashes,
    mtime: changedAt,
    ctime: changedAt,
    contentGeneration: Math.max(row.contentGeneration, delta.contentGeneration),
  };
}

/** The merge function of directory rows. */
export const mergeDirectory: Merge = (_key, existing, operand) => {
  assert(existing !== undefined, 'a directory whose entries change has a row');
  return encodeDirectory(applyDelta(decodeDirectory(existing), decodeDelta(operand)));
};
