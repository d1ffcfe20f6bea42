import { Fault } from '../fault.ts';
import {
  COPY_BYTES_MAX,
  DIRTY_FILE_BYTES_MAX,
  DIRTY_RANGE_OVERHEAD_BYTES,
  FILE_BYTES_MAX,
} from '../limits.ts';
import { withRoom } from './dirty-room.ts';
import { inOpenVersion, mustFork } from './fork.ts';
import { attributes, attributesOf, loadNamed, staleHandle, withDirty } from './attributes.ts';
import { contentOf } from './content-key.ts';
import { withoutRest } from './dirty.ts';
import type { Attributes, Caller, Change, Ino } from './namespace.ts';
import { OpenFile } from './open-files.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { requireContentAccess, SET_GID, SET_UID, WRITE, isSuperuser } from './permissions.ts';
import { Reservation } from './quota/reservation.ts';
import type { Inode } from './records.ts';
import { advance } from './time.ts';
import { writeOut } from './write-out.ts';

export function requireFile(inode: Inode): void {
  if (inode.kind === 'directory') throw new Fault('is-directory', 'inode', String(inode.ino));
  if (inode.kind !== 'file') throw new Fault('invalid-argument', 'inode', `${inode.ino} is a ${inode.kind}`);
}

export interface WriteRequest {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly stable: boolean;
}

/** See FileTree.write. */
export async function write(parts: Parts, caller: Caller, ino: Ino, request: WriteRequest): Promise<Change> {
  const { offset, data, stable } = request;
  if (offset + data.length > FILE_BYTES_MAX) throw new Fault('too-large', 'inode', `offset ${offset}`);
  const wish = { ino, client: clientOf(caller), bytes: data.length + DIRTY_RANGE_OVERHEAD_BYTES, stable };
  const change = await withRoom(parts, wish, async () => {
    await parts.files.admission(ino);
    return inOpenVersion(parts, ino, () =>
      parts.files.exclusive(ino, () => keep(parts, caller, ino, request)),
    );
  });
  const file = parts.files.get(ino);
  const dirtyBytes = file?.dirty.bytes() ?? 0;
  if (stable || dirtyBytes >= 2 * DIRTY_FILE_BYTES_MAX) await writeOut(parts, ino);
  else if (dirtyBytes >= DIRTY_FILE_BYTES_MAX && file?.writing?.isBusy() !== true) {
    // A failure is met again by the COMMIT, or by whoever waits for room.
    writeOut(parts, ino).catch(() => undefined);
  }
  return change;
}

const clientOf = ({ client }: Caller): string => client?.address ?? '';

/** `undefined`: a version of its own must be begun first. */
async function keep(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  { offset, data }: WriteRequest,
): Promise<Change | undefined> {
  const { files, kv, environment, sequence } = parts;
  const inode = await withoutSetId(parts, caller, await loadNamed(kv, ino));
  requireFile(inode);
  requireContentAccess(caller, inode, WRITE);
  // What could not be written out must not be taken: a key that is not there or not enabled says so now.
  contentOf(parts, inode.encryption);
  const known = files.get(ino);
  if (known === undefined && (await mustFork(kv, inode, environment.clock.wall()))) return undefined;
  const before = withDirty(inode, known?.attributes);
  if (data.length === 0) return { before: attributesOf(before), after: attributesOf(before) };
  const size = Math.max(before.size, offset + data.length);
  const file = known ?? openFile(parts, caller, inode);
  file.reservation.grow(size - before.size);
  if (known === undefined) files.add(file);
  const dirtyBefore = file.dirty.weight();
  file.dirty.write(offset, data.length < COPY_BYTES_MAX ? Buffer.from(data) : withoutRest(data));
  files.account(file, file.dirty.weight() - dirtyBefore);
  if (dirtyBefore === 0) file.dirtySince = environment.clock.monotonic();
  const changedAt = advance(before.ctime, environment.clock.wall());
  file.attributes = {
    size,
    mtime: changedAt,
    ctime: changedAt,
    contentGeneration: sequence.next(),
  };
  return { before: attributesOf(before), after: attributesOf(withDirty(inode, file.attributes)) };
}

const openFile = ({ environment, quotas }: Parts, caller: Caller, inode: Inode): OpenFile =>
  new OpenFile(inode, {
    client: clientOf(caller),
    now: environment.clock.monotonic(),
    reservation: new Reservation(quotas.ledger, inode),
  });

/** POSIX write(): who may not set them takes the set-ID bits away by writing. */
async function withoutSetId({ kv }: Parts, caller: Caller, inode: Inode): Promise<Inode> {
  const isSet = (inode.mode & SET_UID) !== 0 || (inode.mode & (SET_GID | 0o010)) === (SET_GID | 0o010);
  if (!isSet || isSuperuser(caller) || inode.kind !== 'file') return inode;
  return kv.transact('durable', async (tx) => {
    const now = await loadNamed(tx, inode.ino);
    requireContentAccess(caller, now, WRITE);
    const bare = { ...now, mode: now.mode & ~(SET_UID | SET_GID) };
    await putInode(tx, bare);
    return bare;
  });
}

/** See FileTree.commit. */
export async function commit(parts: Parts, ino: Ino): Promise<Change> {
  const before = await namedAttributes(parts, ino);
  await writeOut(parts, ino);
  return { before, after: await namedAttributes(parts, ino) };
}

/** What was written to a file that has lost its name is gone: that must not be called durable. */
async function namedAttributes(parts: Parts, ino: Ino): Promise<Attributes> {
  const found = await attributes(parts, ino);
  if (found.linkCount === 0) throw staleHandle(ino);
  return found;
}
