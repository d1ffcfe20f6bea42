import { loadInode, requireBucket } from '../attributes.ts';
import { countMissing, resolve } from '../resolve.ts';
import { partKey } from '../keys.ts';
import type { Caller, ObjectAt, ObjectStore } from '../namespace.ts';
import type { Parts } from '../parts.ts';
import { decodePart } from '../upload-records.ts';
import type { Inode } from '../records.ts';
import { loadOpen } from '../uploads.ts';
import { NULL_VERSION } from '../version.ts';
import { rowOf } from '../version-rows.ts';
import { isKept } from '../versions.ts';
import { negative, type Owned } from './usage.ts';

type Place = Parameters<ObjectStore['requireQuota']>[1];

/** See ObjectStore.requireQuota. Costs no read as long as there are no quotas. */
export async function requireQuota(parts: Parts, caller: Caller, at: Place, length: number): Promise<void> {
  const { ledger } = parts.quotas;
  if (ledger.isIdle) return;
  const changes =
    at.part === undefined
      ? await ofObject(parts, caller, { at, length })
      : [await ofPart(parts, { at, part: at.part, length })];
  ledger.require(changes);
}

/**
 * What goes gives its room: the object that is replaced, unless it stays as an old version, and an old null version where
 * another one comes. What attach.ts does, before it is done.
 */
async function ofObject(
  { kv, environment, files }: Parts,
  { uid, gid }: Caller,
  { at, length }: { readonly at: ObjectAt; readonly length: number },
): Promise<readonly Owned[]> {
  const { bucket } = at;
  return kv.transact('buffered', async (tx) => {
    const { rules } = await requireBucket(tx, bucket);
    const now = environment.clock.wall();
    const resolved = await resolve(tx, bucket, at.key);
    const old = resolved && (await loadInode(tx, resolved.dentry.ino));
    const change = { rules, door: 's3', edit: { now } } as const;
    const isReplaced = old?.linkCount === 1 && !isKept(change, resolved?.name ?? at.key, old);
    const reservation = isReplaced ? files.get(old.ino)?.reservation : undefined;
    const nullVersion = rules.versioning === 'suspended' ? await rowOf(tx, at, NULL_VERSION) : undefined;
    const hidden = nullVersion?.row.ino === undefined ? undefined : await loadInode(tx, nullVersion.row.ino);
    const made = { bucket, uid, gid };
    const directories = resolved === undefined ? await countMissing(tx, bucket, at.key) : 0;
    // The marker of a directory is an inode only when it has become an old version.
    const one = at.key.at(-1) === SLASH ? 0n : 1n;
    return [
      { owner: old?.kind === 'file' ? ownerOf(old) : made, bytes: BigInt(length), inodes: one },
      { owner: made, bytes: 0n, inodes: BigInt(directories) },
      ...(old === undefined
        ? []
        : [isReplaced ? without(old, one) : { ...without(old, one - 1n), bytes: 0n }]),
      ...(reservation === undefined ? [] : [negative(reservation.owned())]),
      ...(hidden === undefined ? [] : [without(hidden, 1n)]),
    ];
  });
}

const SLASH = 0x2f;
const without = (inode: Inode, inodes: bigint): Owned => ({
  owner: ownerOf(inode),
  bytes: BigInt(-inode.size),
  inodes: -inodes,
});
const ownerOf = ({ bucket, uid, gid }: Inode): Owned['owner'] => ({ bucket, uid, gid });

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
