import { loadInode, requireBucket } from '../attributes.ts';
import { resolve } from '../attach.ts';
import { partKey } from '../keys.ts';
import type { Caller, ObjectAt, ObjectStore } from '../namespace.ts';
import type { Parts } from '../parts.ts';
import { decodePart } from '../records.ts';
import { loadOpen } from '../uploads.ts';
import type { Owned } from './usage.ts';

type Place = Parameters<ObjectStore['requireQuota']>[1];

/** See ObjectStore.requireQuota. Costs no read as long as there are no quotas. */
export async function requireQuota(parts: Parts, caller: Caller, at: Place, length: number): Promise<void> {
  const { ledger } = parts.quotas;
  if (ledger.isIdle) return;
  const change =
    at.part === undefined
      ? await ofObject(parts, caller, { at, length })
      : await ofPart(parts, { at, part: at.part, length });
  ledger.require([change]);
}

/** The object that it replaces gives its room, unless it stays as an old version. */
async function ofObject(
  { kv }: Parts,
  { uid, gid }: Caller,
  { at, length }: { readonly at: ObjectAt; readonly length: number },
): Promise<Owned> {
  const { bucket } = at;
  const fresh = { owner: { bucket, uid, gid }, bytes: BigInt(length), inodes: 1n };
  return kv.transact('buffered', async (tx) => {
    const resolved = await resolve(tx, bucket, at.key);
    const old = resolved && (await loadInode(tx, resolved.dentry.ino));
    if (old === undefined) return fresh;
    const owner = old.kind === 'file' ? { bucket, uid: old.uid, gid: old.gid } : fresh.owner;
    const { rules } = await requireBucket(tx, bucket);
    const isReplaced = rules.versioning !== 'enabled' && old.linkCount === 1;
    return isReplaced ? { owner, bytes: BigInt(length - old.size), inodes: 0n } : { ...fresh, owner };
  });
}

async function ofPart(
  { kv }: Parts,
  {
    at,
    part,
    length,
  }: { readonly at: ObjectAt; readonly part: NonNullable<Place['part']>; readonly length: number },
): Promise<Owned> {
  return kv.transact('buffered', async (tx) => {
    const { sequence, row } = await loadOpen(tx, { ...at, uploadId: part.uploadId });
    const known = await tx.get(partKey(sequence, part.number));
    const owner = { bucket: at.bucket, ...row.owner };
    if (known === undefined) return { owner, bytes: BigInt(length), inodes: 1n };
    return { owner, bytes: BigInt(length - decodePart(known).size), inodes: 0n };
  });
}
