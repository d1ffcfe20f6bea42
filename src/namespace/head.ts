import type { KvReader } from '../kv/kv.ts';
import { currentInode, foundOf, ifStale, loadInode } from './attributes.ts';
import { resolve, type Resolved } from './resolve.ts';
import { attempting } from './attempts.ts';
import type { Found, Ino, ObjectAt, OpenObject } from './namespace.ts';
import type { Parts } from './parts.ts';
import type { Inode } from './records.ts';
import { openSnapshot } from './snapshot.ts';
import { newestRow, rowOf } from './version-rows.ts';
import { rulesOf } from './versions.ts';
import type { DeleteMarker, VersionAt } from './version.ts';
import { writeOut } from './write-out.ts';

/** The inode that a key, or a version of it, leads to; `undefined` for none and for a delete marker. */
export async function inodeAt(reader: KvReader, at: VersionAt): Promise<Inode | undefined> {
  const resolved = await resolve(reader, at.bucket, at.key);
  const current = resolved === undefined ? undefined : await loadInode(reader, resolved.dentry.ino);
  if (at.versionId === undefined || current?.version.id === at.versionId) return current;
  const ino = (await rowOf(reader, at, at.versionId))?.row.ino;
  return ino === undefined ? undefined : loadInode(reader, ino);
}

/** What was found at an inode, and its names at that moment. */
interface Seen<Result> {
  readonly names: Inode['names'];
  readonly result: Result;
}

/**
 * What `look` finds at the inode that a key leads to: at one moment, so that nobody is shown under a name what its file has
 * become under another one. `giveUp` closes what was found too late.
 */
async function latest<Result>(
  { kv }: Parts,
  at: VersionAt,
  { look, giveUp }: { look: (ino: Ino) => Promise<Seen<Result>>; giveUp?: (late: Result) => Promise<void> },
): Promise<Result | undefined> {
  const found = await attempting('object', async () => {
    const place = await placeOf(kv, at).catch(ifStale);
    if (place === 'none') return { result: undefined };
    const seen = place === undefined ? undefined : await look(place.ino).catch(ifStale);
    // Replaced or removed between the reads: the name leads elsewhere now.
    if (place === undefined || seen === undefined) return undefined;
    if (await isStill(kv, at, { ...place, names: seen.names })) return { result: seen.result };
    await giveUp?.(seen.result);
    return undefined;
  });
  return found.result;
}

interface Place {
  readonly ino: Ino;
  /** Of a version, which no change of a name touches, there is none. */
  readonly resolved: Resolved | undefined;
}

async function placeOf(reader: KvReader, at: VersionAt): Promise<Place | 'none'> {
  if (at.versionId !== undefined) {
    const inode = await inodeAt(reader, at);
    return inode === undefined ? 'none' : { ino: inode.ino, resolved: undefined };
  }
  const resolved = await resolve(reader, at.bucket, at.key);
  return resolved === undefined ? 'none' : { ino: resolved.dentry.ino, resolved };
}

/** Whether the key led to the inode when its names were read. Without another read for keys that lie in the bucket itself. */
async function isStill(
  reader: KvReader,
  at: VersionAt,
  { ino, resolved, names }: Place & Pick<Inode, 'names'>,
): Promise<boolean> {
  if (resolved === undefined) return true;
  const isNamed = names.some(
    ({ parent, name }) => parent === resolved.parent && Buffer.compare(name, resolved.name) === 0,
  );
  if (isNamed && resolved.path.length === 0) return true;
  return (await resolve(reader, at.bucket, at.key))?.dentry.ino === ino;
}

/** See ObjectStore.head. */
export const head = (parts: Parts, at: VersionAt): Promise<Found | undefined> =>
  latest(parts, at, {
    look: async (ino) => {
      const inode = await currentInode(parts, ino);
      return { names: inode.names, result: foundOf(inode) };
    },
  });

/** See ObjectStore.open. */
export const open = (
  parts: Parts,
  at: VersionAt,
  customerKey?: Uint8Array,
): Promise<OpenObject | undefined> =>
  latest(parts, at, {
    look: async (ino) => {
      const snapshot = await openSnapshot(parts, ino, customerKey);
      return { names: snapshot.names, result: snapshot };
    },
    giveUp: (snapshot) => snapshot.close(),
  });

/** See ObjectStore.deleteMarker. */
export async function deleteMarker({ kv }: Parts, at: VersionAt): Promise<DeleteMarker | undefined> {
  const placed = at.versionId === undefined ? await newestRow(kv, at) : await rowOf(kv, at, at.versionId);
  if (placed === undefined || placed.row.ino !== undefined) return undefined;
  return { versionId: placed.row.versionId, modifiedAt: placed.row.at };
}

/** What NFS has written to the object belongs to the version that is about to become an old one. */
export async function writeOutCurrent(parts: Parts, at: ObjectAt): Promise<void> {
  if (parts.files.weight === 0) return;
  const resolved = await resolve(parts.kv, at.bucket, at.key);
  if (resolved === undefined || parts.files.get(resolved.dentry.ino) === undefined) return;
  const { versioning } = await rulesOf(parts.kv, at.bucket);
  if (versioning !== 'off') await writeOut(parts, resolved.dentry.ino).catch(ifStale);
}
