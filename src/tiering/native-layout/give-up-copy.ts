import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import type { ForeignCopies } from '../foreign/foreign-copies.ts';
import { decodeNative, encodeNative, nativeKey } from './native-records.ts';

/**
 * Takes away a copy that is damaged, of a blob that has another one; its object is uploaded again when something of it moves there
 * next. False when it has none in an object of ours.
 */
export async function giveUpCopy(
  foreign: Pick<ForeignCopies, 'rangeOf' | 'release'>,
  tx: KvTransaction,
  id: BlobId,
): Promise<boolean> {
  const range = await foreign.rangeOf(tx, id);
  if (range?.native === undefined) return false;
  const key = nativeKey(range.key);
  const known = await tx.get(key);
  const row = known && decodeNative(known);
  if (row?.id === range.native.object) tx.put(key, encodeNative({ ...row, fileState: 0 }));
  return foreign.release(tx, id);
}
