import { RecordReader, RecordWriter } from '../codec.ts';
import type { KvReader } from '../kv/kv.ts';
import { decodeU64, encodeU64 } from '../kv/tuple.ts';
import type { Time } from '../environment.ts';
import { nullVersionKey, orderOfVersionKey, versionKey, versionsOfKey } from './keys.ts';
import type { Ino, ObjectAt } from './namespace.ts';
import { NULL_VERSION, type VersionId } from './version.ts';

/**
 * A version that its key does not lead to: an old one, or a delete marker. Rows of a key are ordered by when their version
 * was made, the null version by when it ceased to be current, newest first; the delete marker that hides a key is the first of them.
 */
export interface VersionRow {
  readonly versionId: VersionId;
  /** `undefined`: a delete marker. */
  readonly ino: Ino | undefined;
  /** When it ceased to be current; of a delete marker: when it was made. */
  readonly at: Time;
}

export interface PlacedVersion {
  readonly order: number;
  readonly row: VersionRow;
}

export const encodeVersion = ({ versionId, ino, at }: VersionRow): Uint8Array =>
  new RecordWriter()
    .number(versionId)
    .number(ino ?? 0)
    .time(at)
    .finish();

export function decodeVersion(bytes: Uint8Array): VersionRow {
  const reader = new RecordReader(bytes);
  const versionId = reader.number() as VersionId;
  const ino = reader.number();
  const at = reader.time();
  reader.end();
  return { versionId, ino: ino === 0 ? undefined : (ino as Ino), at };
}

/** Where the null version of a key lies among its rows. */
export const encodeNullOrder = (order: number): Uint8Array => encodeU64(order);

/** The newest version that the key does not lead to. */
export async function newestRow(
  reader: KvReader,
  { bucket, key }: ObjectAt,
): Promise<PlacedVersion | undefined> {
  for await (const page of reader.scan(versionsOfKey(bucket, key), { pageEntries: 1 })) {
    const [first] = page;
    if (first !== undefined) return { order: orderOfVersionKey(first.key), row: decodeVersion(first.value) };
  }
  return undefined;
}

/** The row of one version; `undefined` when the version is current or does not exist. */
export async function rowOf(
  reader: KvReader,
  at: ObjectAt,
  versionId: VersionId,
): Promise<PlacedVersion | undefined> {
  const order = versionId === NULL_VERSION ? await nullOrder(reader, at) : versionId;
  if (order === undefined) return undefined;
  const bytes = await reader.get(versionKey(at.bucket, at.key, order));
  const row = bytes === undefined ? undefined : decodeVersion(bytes);
  return row?.versionId === versionId ? { order, row } : undefined;
}

async function nullOrder(reader: KvReader, { bucket, key }: ObjectAt): Promise<number | undefined> {
  const bytes = await reader.get(nullVersionKey(bucket, key));
  return bytes === undefined ? undefined : decodeU64(bytes, 0);
}
