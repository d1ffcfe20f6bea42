import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Merge } from '../../kv/kv.ts';
import { inoOfInodeKey } from '../keys.ts';
import { sharesOf, type Shares } from '../census/shares.ts';
import type { Ino } from '../namespace.ts';
import { decodeInodeHead } from '../records.ts';

/** What quotas limit. Bytes are lengths of contents as readers see them, whatever shares them and wherever holes are. */
export const dimensions = ['bytes', 'inodes'] as const;
export type Dimension = (typeof dimensions)[number];

/** Sums of file sizes go beyond 2^53: a file may claim 4 PiB. */
export type Usage = Readonly<Record<Dimension, bigint>>;

/** Whose something is. Usage is kept for each owner that has any; that of a bucket, user or group is the sum of theirs. */
export interface Owner {
  readonly bucket: Ino;
  readonly uid: number;
  readonly gid: number;
}

export interface Owned extends Usage {
  readonly owner: Owner;
}

/** What an inode counts; of an object also in which tiers it does. */
export interface Counted extends Owned {
  readonly shares: Shares | undefined;
}

export const negative = ({ owner, bytes, inodes }: Owned): Owned => ({
  owner,
  bytes: -bytes,
  inodes: -inodes,
});

/** A row of usage, and a change of one. */
export const encodeUsage = ({ bytes, inodes }: Usage): Uint8Array =>
  new RecordWriter().text(bytes.toString()).text(inodes.toString()).finish();

export function decodeUsage(row: Uint8Array): Usage {
  const { bytes, inodes } = textsOf(row);
  return { bytes: BigInt(bytes), inodes: BigInt(inodes) };
}

/** The merge function of usage rows. Who owns nothing has none. */
export const mergeUsage: Merge = (_key, existing, operand) => {
  if (existing === undefined) return operand;
  const before = textsOf(existing);
  const change = textsOf(operand);
  const bytes = sumOf(before.bytes, change.bytes);
  const inodes = sumOf(before.inodes, change.inodes);
  if (bytes === '0' && inodes === '0') return undefined;
  return new RecordWriter().text(bytes).text(inodes).finish();
};

function textsOf(row: Uint8Array): Readonly<Record<Dimension, string>> {
  const reader = new RecordReader(row);
  const texts = { bytes: reader.text(), inodes: reader.text() };
  reader.end();
  if (!wholeNumber.test(texts.bytes) || !wholeNumber.test(texts.inodes))
    assert.fail('usage that is no number');
  return texts;
}

const wholeNumber = /^-?\d+$/;

/** Of two whole numbers in decimal digits. Numbers of up to 15 are exact as they are. */
const sumOf = (one: string, other: string): string =>
  one.length <= 15 && other.length <= 15
    ? String(Number(one) + Number(other))
    : (BigInt(one) + BigInt(other)).toString();

/**
 * What the inode of a row counts, from the beginning of its record (encodeInode); `undefined` for the root and for the
 * directory that is a bucket. Every other inode is one, whatever leads to it: a name, an old version, a part of an upload.
 * Only the marker of a directory is none, since the directory is one already.
 */
export function ownedOf(key: Uint8Array, record: Uint8Array): Counted | undefined {
  const ino = inoOfInodeKey(key);
  const head = decodeInodeHead(record);
  const { bucket, uid, gid, size, isMarker } = head;
  if (bucket === 0 || bucket === ino) return undefined;
  const shares = sharesOf(head);
  return { owner: { bucket, uid, gid }, bytes: BigInt(size), inodes: isMarker ? 0n : 1n, shares };
}
