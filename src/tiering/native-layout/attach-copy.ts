import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import { encodeForeign, foreignKey } from '../foreign/foreign-records.ts';
import type { WholeObject } from '../whole-objects.ts';
import { checksumsOf } from './block-checksums.ts';
import type { NativeParts } from './native-parts.ts';
import {
  decodeNative,
  HAS_COPY,
  NATIVE_BINDING,
  nativeBlobKey,
  nativeKey,
  type NativeRow,
} from './native-records.ts';

/** Where a blob lies in an object that is in the cold store and was read back. */
export interface NativePlace {
  readonly object: WholeObject;
  readonly key: string;
  readonly row: NativeRow;
  readonly offset: number;
}

/**
 * Writes the row of a copy: after this commit the blob has it. False, and nothing is done, when the object has another content or no
 * name by now; Fault('conflict', 'blob') when its upload is not the last one of its key any more.
 */
export async function attachCopy(
  { store, wholes }: Pick<NativeParts, 'store' | 'wholes'>,
  tx: KvTransaction,
  { object, key, row: { id: upload, etag }, offset }: NativePlace,
  { id, bytes }: { readonly id: BlobId; readonly bytes: Uint8Array },
): Promise<boolean> {
  if (!(await wholes.isCurrent(tx, object))) return false;
  const known = await tx.get(nativeKey(key));
  const row = known && decodeNative(known);
  if (row?.id !== upload || row.state !== 'here')
    throw new Fault('conflict', 'blob', `${key} was uploaded once more meanwhile`);
  const native = { object: upload, checksums: checksumsOf(store.compute, bytes) };
  tx.put(nativeBlobKey(upload, id), HAS_COPY);
  const range = { binding: NATIVE_BINDING, key, etag, offset, length: bytes.length };
  tx.put(foreignKey(id), encodeForeign({ ...range, native }));
  return true;
}
