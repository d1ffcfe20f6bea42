import { RecordReader, RecordWriter } from '../codec.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { belongingKey } from './keys.ts';
import type { Ino, ObjectKey } from './namespace.ts';

/** What an inode belongs to that no name leads to: a key whose old version it is, or an upload for a key. */
export interface Belonging {
  readonly key: ObjectKey;
  /** The sequence number of the upload and the number of the part; both 0 of an old version. */
  readonly upload: number;
  readonly part: number;
}

/** Goes with the inode, or when a name leads to it again. */
export const putBelonging = (tx: KvTransaction, ino: Ino, { key, upload, part }: Belonging): void =>
  tx.put(belongingKey(ino), new RecordWriter().bytes(key).number(upload).number(part).finish());

export const forgetBelonging = (tx: KvTransaction, ino: Ino): void => tx.delete(belongingKey(ino));

export async function belongingOf(reader: KvReader, ino: Ino): Promise<Belonging | undefined> {
  const row = await reader.get(belongingKey(ino));
  return row && decodeBelonging(row);
}

export function decodeBelonging(row: Uint8Array): Belonging {
  const reader = new RecordReader(row);
  const belonging = { key: reader.bytes(), upload: reader.number(), part: reader.number() };
  reader.end();
  return belonging;
}
