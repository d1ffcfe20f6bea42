import type { Actor, AuditEvent } from '../audit/event.ts';
import type { KvReader } from '../kv/kv.ts';
import { ifStale, loadInode } from './attributes.ts';
import { findPosix } from './find.ts';
import { LockRefusal, type LockedVersion } from './lock.ts';
import type { Caller, Ino, ObjectAt, ObjectKey, PosixName } from './namespace.ts';
import type { Parts } from './parts.ts';
import { keyOf } from './versions.ts';

/** Who wants to change what. */
export interface Attempt {
  /** `undefined`: the gateway itself, which asks again and again, and whose refusals nobody needs to hear of. */
  readonly actor: Actor | undefined;
  /** A key, a name in a directory, or a handle. */
  readonly at: ObjectAt | { readonly ino: Ino; readonly name?: PosixName };
}

/** Over NFS: the operation as RFC 1813 names it. A caller without an address is none of the door's. */
export const nfsActor = (operation: string, { client }: Caller): Actor | undefined =>
  client && { door: 'nfs', operation, client: client.address, uid: client.uid };

/** Each refusal by object lock is in the audit trail before it is answered. */
export async function audited<Result>(
  { kv, trail }: Pick<Parts, 'kv' | 'trail'>,
  attempt: Attempt,
  work: Promise<Result>,
): Promise<Result> {
  try {
    return await work;
  } catch (failure) {
    if (failure instanceof LockRefusal && attempt.actor !== undefined)
      await trail.refused(await refusalOf(kv, attempt, failure));
    throw failure;
  }
}

async function refusalOf(kv: KvReader, { actor, at }: Attempt, refusal: LockRefusal): Promise<AuditEvent> {
  const { locked, detail } = refusal;
  const { bucket, key } = 'key' in at ? at : ((await placeOf(kv, at, locked).catch(ifStale)) ?? {});
  const name = bucket && (await bucketName(kv, bucket));
  const about = locked && { versionId: locked.version.id, lock: locked.lock };
  return { kind: 'refused', actor, bucket: name, key, ...about, detail };
}

/** Of what NFS has named. A file of several names has the one that was used, or its first. */
async function placeOf(
  kv: KvReader,
  { ino, name }: { readonly ino: Ino; readonly name?: PosixName },
  locked: LockedVersion | undefined,
): Promise<{ bucket: Ino; key: ObjectKey | undefined }> {
  const found = name && (await findPosix(kv, ino, name));
  // A rename may be refused for what it would replace.
  const isNamed = found !== undefined && (locked === undefined || found.dentry.ino === locked.ino);
  const entry = isNamed ? { parent: ino, name: found.name } : locked?.names[0];
  const { bucket } = locked ?? (await loadInode(kv, ino));
  if (entry === undefined) return { bucket, key: undefined };
  const key = await keyOf(kv, entry);
  return { bucket, key: locked === undefined ? Buffer.concat([key, Buffer.from('/')]) : key };
}

/** `undefined` when it is gone. */
export async function bucketName(reader: KvReader, bucket: Ino): Promise<string | undefined> {
  const inode = await loadInode(reader, bucket).catch(ifStale);
  const name = inode?.names[0]?.name;
  return name && Buffer.from(name).toString('utf8');
}
