import { RecordReader, RecordWriter } from '../codec.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { BLOB_HOLDERS_MAX } from '../limits.ts';
import type { BlobId } from '../tiering/blobs.ts';
import { holderKey } from './keys.ts';
import type { Ino } from './namespace.ts';
import type { Extent } from './records.ts';

/**
 * An inode whose content shows a blob, as its extents were written. A hint: it stays when the extent goes, and is compared with the
 * inode by who uses it; with the blob it goes.
 */
export interface Holder {
  readonly ino: Ino;
  /** Where the blob begins in the file, in bytes; negative where only its end is shown. */
  readonly base: number;
}

/** Of blobs that this transaction attaches: nobody has held them before. */
export function putHolders(tx: KvTransaction, ino: Ino, extents: readonly Extent[]): void {
  for (const [blob, bases] of basesOf(extents)) {
    tx.put(holderKey(blob), encodeHolders(bases.map((base) => ({ ino, base }))));
  }
}

/** Of blobs that others hold already. Those that came last are kept. */
export async function addHolders(tx: KvTransaction, ino: Ino, extents: readonly Extent[]): Promise<void> {
  const bases = basesOf(extents);
  const blobs = [...bases.keys()];
  for (const [index, known] of (await holdersOf(tx, blobs)).entries()) {
    const blob = blobs[index];
    if (blob === undefined) continue;
    const fresh = (bases.get(blob) ?? []).map((base) => ({ ino, base }));
    tx.put(holderKey(blob), encodeHolders([...known, ...fresh].slice(-BLOB_HOLDERS_MAX)));
  }
}

/** In the order in which they came; none where nobody has said. */
export async function holdersOf(
  reader: KvReader,
  blobs: readonly BlobId[],
): Promise<readonly (readonly Holder[])[]> {
  const rows = await reader.getMany(blobs.map(holderKey));
  return rows.map((row) => (row === undefined ? [] : decodeHolders(row)));
}

export function forgetHolders(tx: KvTransaction, blobs: readonly BlobId[]): void {
  for (const blob of blobs) tx.delete(holderKey(blob));
}

/** Mostly one: a blob that was cut in pieces has them all where they were. */
function basesOf(extents: readonly Extent[]): ReadonlyMap<BlobId, readonly number[]> {
  const bases = new Map<BlobId, number[]>();
  for (const { blob, offset, blobOffset } of extents) {
    const base = offset - blobOffset;
    const known = bases.get(blob);
    if (known === undefined) bases.set(blob, [base]);
    else if (!known.includes(base) && known.length < BLOB_HOLDERS_MAX) known.push(base);
  }
  return bases;
}

function encodeHolders(holders: readonly Holder[]): Uint8Array {
  const writer = new RecordWriter();
  return writer.list(holders, ({ ino, base }) => writer.number(ino).signed(base)).finish();
}

export function decodeHolders(row: Uint8Array): readonly Holder[] {
  const reader = new RecordReader(row);
  const holders = reader.list(() => ({ ino: reader.number() as Ino, base: reader.signed() }));
  reader.end();
  return holders;
}
