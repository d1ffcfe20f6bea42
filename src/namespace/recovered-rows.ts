import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Key, KeyRange, Value } from '../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import type { BlobId } from '../tiering/blobs.ts';
import { RECOVERY_TABLES_END } from '../tiering/reduction/recovery-tables.ts';
import { decodeBlobLabel, encodeBlobLabel, type LabelledFile } from './blob-label.ts';
import type { Ino, ObjectKey } from './namespace.ts';

/** Behind the tables of tiering in the same store of a recovery. */
const table = { shown: RECOVERY_TABLES_END, claim: RECOVERY_TABLES_END + 1 } as const;
const INO_AT = 1;
const BLOB_AT = INO_AT + 2 * 8;
const TIER_AT = BLOB_AT + 8;

/** A blob in a file, as one tier says it. */
export interface Shown {
  readonly blob: BlobId;
  /** Its place in the list of tiers. */
  readonly tier: number;
  readonly file: LabelledFile;
}

/** The youngest content that says to be under a key. */
export interface Claim {
  readonly ino: Ino;
  readonly contentGeneration: number;
}

type Place = Pick<LabelledFile, 'bucket' | 'kind' | 'versionId' | 'upload' | 'part'>;

export const recoveredRows = {
  /** By inode, then by the age of the content, then by blob. */
  shown: ({ blob, tier, file }: Shown): Key =>
    tupleKey(table.shown, [file.ino, file.contentGeneration, blob, tier]),
  allShown: (ino: Ino | undefined): KeyRange =>
    prefixRange(tupleKey(table.shown, ino === undefined ? [] : [ino])),
  claim: ({ bucket, kind, versionId, upload, part }: Place, key: ObjectKey): Key => {
    const writer = new RecordWriter().text(bucket).text(kind).number(versionId).number(upload).number(part);
    return tupleKey(table.claim, [], writer.bytes(key).finish());
  },
};

export const encodeShown = (file: LabelledFile): Value => encodeBlobLabel([file]);

export function decodeShown(key: Key, value: Value): Shown {
  const [file] = decodeBlobLabel(value)?.files ?? [];
  assert(file !== undefined, 'a row of a recovery is what was written');
  return { blob: decodeU64(key, BLOB_AT) as BlobId, tier: decodeU64(key, TIER_AT), file };
}

export const encodeClaim = ({ ino, contentGeneration }: Claim): Value =>
  new RecordWriter().number(ino).number(contentGeneration).finish();

export function decodeClaim(row: Value | undefined): Claim | undefined {
  if (row === undefined) return undefined;
  const reader = new RecordReader(row);
  return { ino: reader.number() as Ino, contentGeneration: reader.number() };
}
