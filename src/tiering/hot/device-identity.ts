import type { Kv } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import { decodeIdentity, encodeIdentity, identityKey, tableRange, type BlobTables } from './blob-records.ts';

/** Which device the rows describe. */
export interface DeviceIdentity {
  /** In lower-case hex, as devices show it. */
  readonly uuid: string;
  /** Whether blobs lie on it: then no other device may take its place. */
  readonly hasContent: boolean;
}

/**
 * The device of these rows; at the first opening `fresh`, durable before the device itself is made, so that a crash in
 * between leaves no device that nobody knows. Any other device holds what other rows describe: to these it would be free space.
 */
export async function openIdentity(kv: Kv, tables: BlobTables, fresh: string): Promise<DeviceIdentity> {
  const uuid = await kv.transact('durable', async (tx) => {
    const row = await tx.get(identityKey(tables));
    if (row === undefined) tx.put(identityKey(tables), encodeIdentity(fresh));
    return row === undefined ? fresh : decodeIdentity(row);
  });
  for await (const page of kv.scan(tableRange(tables.device, 0 as BlobId), { pageEntries: 1 })) {
    return { uuid, hasContent: page.length > 0 };
  }
  return { uuid, hasContent: false };
}
