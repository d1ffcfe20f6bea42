import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Limit, OverSince, QuotaLimits } from './quota.ts';
import { dimensions, type Dimension } from './usage.ts';

/** A quota as it is kept; the subject is in the key but for the name of its bucket. */
export interface QuotaRow {
  /** Empty: the quota holds everywhere. */
  readonly bucketName: string;
  readonly limits: QuotaLimits;
  readonly overSince: OverSince;
}

export function encodeQuota({ bucketName, limits, overSince }: QuotaRow): Uint8Array {
  const writer = new RecordWriter().text(bucketName).number(limits.graceSeconds);
  for (const each of dimensions) {
    writeOptional(writer, limits[each].soft);
    writeOptional(writer, limits[each].hard);
    writeOptional(writer, overSince[each]);
  }
  return writer.finish();
}

export function decodeQuota(row: Uint8Array): QuotaRow {
  const reader = new RecordReader(row);
  const bucketName = reader.text();
  const graceSeconds = reader.number();
  const [bytes, inodes] = dimensions.map(() => readDimension(reader)) as [Kept, Kept];
  reader.end();
  const overSince: Record<Dimension, number | undefined> = { bytes: bytes.since, inodes: inodes.since };
  return { bucketName, limits: { bytes: bytes.limit, inodes: inodes.limit, graceSeconds }, overSince };
}

interface Kept {
  readonly limit: Limit;
  readonly since: number | undefined;
}

function readDimension(reader: RecordReader): Kept {
  const limit = { soft: readOptional(reader), hard: readOptional(reader) };
  return { limit, since: readOptional(reader) };
}

function writeOptional(writer: RecordWriter, value: number | undefined): void {
  writer.list(value === undefined ? [] : [value], (it) => writer.number(it));
}

const readOptional = (reader: RecordReader): number | undefined => reader.list(() => reader.number())[0];
