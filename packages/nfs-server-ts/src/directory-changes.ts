import { constants, promises as fs, type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Diropargs3, Sattr3, SetTime, WccData } from './attributes.ts';
import { attributesOf, statusOf, wccOf } from './directory-attributes.ts';
import { bytesOf, locateDirectory, locateFile, textOf } from './directory-reads.ts';
import type { Located, Shared } from './directory-tree.ts';
import type { ArgsOf, OkOf } from './nfs3.ts';
import { checkName, checkNewName, isDot, isDotDot, targetBytesMax } from './posix-answers.ts';
import { Refused, refuseIf, type PlainProgram } from './refused.ts';

type Changing = Pick<
  PlainProgram,
  | 'SETATTR'
  | 'WRITE'
  | 'COMMIT'
  | 'CREATE'
  | 'MKDIR'
  | 'SYMLINK'
  | 'MKNOD'
  | 'REMOVE'
  | 'RMDIR'
  | 'RENAME'
  | 'LINK'
>;

/** The procedures that change something. What they did to names is on stable storage when they answer (RFC 1813 §4.8). */
export function changingRows(shared: Shared): Changing {
  return {
    SETATTR: (_call, args) => setattr(shared, args),
    WRITE: (_call, args) => write(shared, args),
    COMMIT: async (_call, { file }) => {
      const located = await locateFile(shared, file);
      const open = await shared.tree.openFile(located, constants.O_RDONLY);
      const after = await synced(open);
      return { file_wcc: wccOf(located.stats, after), verf: shared.writeVerifier };
    },
    CREATE: (_call, args) => create(shared, args),
    MKDIR: (_call, { where, attributes }) =>
      making(shared, where, async (path) => {
        await fs.mkdir(path, { mode: attributes.mode ?? 0o777 });
        return { ...attributes, size: undefined };
      }),
    SYMLINK: (_call, { where, symlink: { symlink_attributes, symlink_data } }) =>
      making(shared, where, async (path) => {
        refuseIf(symlink_data.length > targetBytesMax, 'NFS3ERR_NAMETOOLONG');
        refuseIf(symlink_data.length === 0 || symlink_data.includes(0), 'NFS3ERR_INVAL');
        await fs.symlink(Buffer.from(symlink_data), path);
        return { ...symlink_attributes, size: undefined, mode: undefined };
      }),
    MKNOD: async (_call, { where, what }) => {
      await locateDirectory(shared, where.dir);
      checkNewName(where.name);
      const isSpecial = ['NF3CHR', 'NF3BLK', 'NF3SOCK', 'NF3FIFO'].includes(what.type);
      throw new Refused(isSpecial ? 'NFS3ERR_NOTSUPP' : 'NFS3ERR_BADTYPE');
    },
    REMOVE: (_call, { object }) =>
      removing(shared, object, async (path) => {
        refuseIf((await fs.lstat(path)).isDirectory(), 'NFS3ERR_ISDIR');
        await fs.unlink(path);
      }),
    RMDIR: (_call, { object }) => {
      refuseIf(isDot(object.name), 'NFS3ERR_INVAL');
      // RFC 1813 §3.3.13: `..` is not empty, as the directory itself is in it.
      refuseIf(isDotDot(object.name), 'NFS3ERR_EXIST');
      return removing(shared, object, (path) => fs.rmdir(path));
    },
    RENAME: (_call, args) => rename(shared, args),
    LINK: (_call, args) => link(shared, args),
  };
}

/** Flushes and closes. */
async function synced(open: FileHandle): Promise<BigIntStats> {
  try {
    await open.sync();
    return await open.stat({ bigint: true });
  } finally {
    await open.close();
  }
}

/** Runs `change` at a name of the directory, whose names are on stable storage afterwards. */
async function changing<T>(
  { tree }: Shared,
  { directory, name }: { directory: Located; name: Uint8Array },
  change: (path: Buffer) => Promise<T>,
): Promise<{ done: T; wcc: WccData }> {
  return tree.within(directory, async (pathOf, open) => {
    const done = await change(pathOf(textOf(name)));
    await open.sync();
    return { done, wcc: wccOf(directory.stats, await open.stat({ bigint: true })) };
  });
}

async function making(
  shared: Shared,
  where: Diropargs3,
  make: (path: Buffer) => Promise<Sattr3>,
): Promise<OkOf<'CREATE'>> {
  const directory = await locateDirectory(shared, where.dir);
  checkName(where.name);
  refuseIf(isDot(where.name) || isDotDot(where.name), 'NFS3ERR_EXIST');
  const name = textOf(where.name);
  const { done: handle, wcc } = await changing(shared, { directory, name: where.name }, async (path) => {
    const wish = await make(path);
    const made = shared.tree.seen(directory.handle, name, await fs.lstat(path, { bigint: true }));
    await apply(shared, await shared.tree.locate(bytesOf(made)), wish);
    return made;
  });
  const { stats } = await shared.tree.locate(bytesOf(handle));
  return { obj: bytesOf(handle), obj_attributes: attributesOf(stats), dir_wcc: wcc };
}

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function create(shared: Shared, { where, how }: ArgsOf<'CREATE'>): Promise<OkOf<'CREATE'>> {
  const wish = how.mode === 'EXCLUSIVE' ? exclusiveWish(how.verf) : how.obj_attributes;
  try {
    return await making(shared, where, async (path) => {
      await synced(await fs.open(path, createFlags, wish.mode ?? 0o666));
      return wish;
    });
  } catch (failure) {
    const isThere = failure instanceof Refused ? false : statusOf(failure) === 'NFS3ERR_EXIST';
    if (!isThere || how.mode === 'GUARDED') throw failure;
  }
  const directory = await locateDirectory(shared, where.dir);
  const name = textOf(where.name);
  const stats = await shared.tree.within(directory, (pathOf) => fs.lstat(pathOf(name), { bigint: true }));
  refuseIf(!stats.isFile(), 'NFS3ERR_EXIST');
  if (how.mode === 'EXCLUSIVE') refuseIf(!bearsVerifier(stats, how.verf), 'NFS3ERR_EXIST');
  const handle = bytesOf(shared.tree.seen(directory.handle, name, stats));
  // RFC 1813 §3.3.8: of what is there already, only the size is set.
  const size = how.mode === 'UNCHECKED' ? how.obj_attributes.size : undefined;
  const set = { ...wish, size, mode: undefined, uid: undefined, gid: undefined, atime: asIs, mtime: asIs };
  if (size !== undefined) await apply(shared, await shared.tree.locate(handle), set);
  const present = await shared.tree.locate(handle);
  const obj_attributes = attributesOf(present.stats);
  return { obj: handle, obj_attributes, dir_wcc: wccOf(directory.stats, directory.stats) };
}

const asIs: SetTime = { set_it: 'DONT_CHANGE' };

/** RFC 1813 §3.3.8 suggests it: the verifier is kept in the file's times until the client sets them, so it outlives a restart. */
function exclusiveWish(verifier: Uint8Array): Sattr3 {
  const { atime, mtime } = verifierTimes(verifier);
  const timeFrom = (seconds: number): SetTime => ({
    set_it: 'SET_TO_CLIENT_TIME',
    time: { seconds, nseconds: 0 },
  });
  const none = { mode: 0o600, uid: undefined, gid: undefined, size: undefined };
  return { ...none, atime: timeFrom(atime), mtime: timeFrom(mtime) };
}

/** 31 bits each, which every file system can keep. */
function verifierTimes(verifier: Uint8Array): { atime: number; mtime: number } {
  const view = new DataView(verifier.buffer, verifier.byteOffset, verifier.length);
  return { atime: view.getUint32(0) & 0x7fff_ffff, mtime: view.getUint32(4) & 0x7fff_ffff };
}

function bearsVerifier({ atimeNs, mtimeNs }: BigIntStats, verifier: Uint8Array): boolean {
  const { atime, mtime } = verifierTimes(verifier);
  return atimeNs === BigInt(atime) * 1_000_000_000n && mtimeNs === BigInt(mtime) * 1_000_000_000n;
}

async function setattr(
  shared: Shared,
  { object, new_attributes, guard }: ArgsOf<'SETATTR'>,
): Promise<OkOf<'SETATTR'>> {
  const located = await shared.tree.locate(object);
  const { ctime } = attributesOf(located.stats);
  const isOther =
    guard !== undefined && (guard.seconds !== ctime.seconds || guard.nseconds !== ctime.nseconds);
  refuseIf(isOther, 'NFS3ERR_NOT_SYNC');
  await apply(shared, located, new_attributes);
  const { stats } = await shared.tree.locate(object);
  return { obj_wcc: wccOf(located.stats, stats) };
}

/** Sets what is wished of any file, and flushes it. */
async function apply(shared: Shared, located: Located, wish: Sattr3): Promise<void> {
  const { stats } = located;
  const times = timesOf(shared, located, wish);
  if (wish.size !== undefined) {
    refuseIf(stats.isDirectory(), 'NFS3ERR_ISDIR');
    refuseIf(!stats.isFile(), 'NFS3ERR_INVAL');
  }
  const isNothing = wish.mode === undefined && wish.uid === undefined && wish.gid === undefined;
  if (isNothing && wish.size === undefined && times === undefined) return;
  if (!stats.isFile() && !stats.isDirectory()) return applyToSpecial(shared, located, wish);
  const open = await openToSet(shared, located, wish.size !== undefined);
  try {
    if (wish.size !== undefined) await open.truncate(wish.size);
    if (wish.uid !== undefined || wish.gid !== undefined)
      await open.chown(wish.uid ?? Number(stats.uid), wish.gid ?? Number(stats.gid));
    // After the owner, a change of whom takes the set-id bits away.
    if (wish.mode !== undefined) await open.chmod(wish.mode & 0o7777);
    if (times !== undefined) await open.utimes(times.atime, times.mtime);
    await open.sync();
  } finally {
    await open.close();
  }
}

/** Whoever owns a file may change its attributes, also when he may not read it. */
async function openToSet({ tree }: Shared, located: Located, isWritten: boolean): Promise<FileHandle> {
  if (isWritten) return tree.openFile(located, constants.O_WRONLY);
  try {
    return await tree.openFile(located, constants.O_RDONLY);
  } catch (failure) {
    if (statusOf(failure) !== 'NFS3ERR_ACCES' || located.stats.isDirectory()) throw failure;
    return tree.openFile(located, constants.O_WRONLY);
  }
}

/** What cannot be opened: only owner and times, of the symlink itself. A symlink has no mode to set. */
async function applyToSpecial(shared: Shared, located: Located, wish: Sattr3): Promise<void> {
  const { stats, path } = located;
  const times = timesOf(shared, located, wish);
  refuseIf(wish.mode !== undefined && !stats.isSymbolicLink(), 'NFS3ERR_NOTSUPP');
  if (wish.uid !== undefined || wish.gid !== undefined)
    await fs.lchown(path, wish.uid ?? Number(stats.uid), wish.gid ?? Number(stats.gid));
  if (times !== undefined) await fs.lutimes(path, times.atime, times.mtime);
}

/** In seconds; both or none. */
function timesOf(
  { clock }: Shared,
  { stats }: Located,
  wish: Sattr3,
): { atime: number; mtime: number } | undefined {
  if (wish.atime.set_it === 'DONT_CHANGE' && wish.mtime.set_it === 'DONT_CHANGE') return undefined;
  const now = clock.wall();
  const secondsOf = (set: SetTime, present: bigint): number => {
    if (set.set_it === 'DONT_CHANGE') return Number(present) / 1e9;
    const time = set.set_it === 'SET_TO_CLIENT_TIME' ? set.time : { ...now, nseconds: now.nanoseconds };
    return time.seconds + time.nseconds / 1e9;
  };
  return { atime: secondsOf(wish.atime, stats.atimeNs), mtime: secondsOf(wish.mtime, stats.mtimeNs) };
}

async function write(
  shared: Shared,
  { file, offset, count, stable, data }: ArgsOf<'WRITE'>,
): Promise<OkOf<'WRITE'>> {
  const located = await locateFile(shared, file);
  refuseIf(count !== data.length, 'NFS3ERR_INVAL');
  const open = await shared.tree.openFile(located, constants.O_WRONLY);
  try {
    for (let done = 0; done < count;) {
      done += (await open.write(data, done, count - done, offset + done)).bytesWritten;
    }
    if (stable === 'DATA_SYNC') await open.datasync();
    if (stable === 'FILE_SYNC') await open.sync();
    const file_wcc = wccOf(located.stats, await open.stat({ bigint: true }));
    return { file_wcc, count, committed: stable, verf: shared.writeVerifier };
  } finally {
    await open.close();
  }
}

async function removing(
  shared: Shared,
  { dir, name }: Diropargs3,
  remove: (path: Buffer) => Promise<void>,
): Promise<{ dir_wcc: WccData }> {
  const directory = await locateDirectory(shared, dir);
  checkNewName(name);
  const { wcc } = await changing(shared, { directory, name }, async (path) => {
    const stats = await fs.lstat(path, { bigint: true });
    await remove(path);
    shared.tree.unnamed(stats);
  });
  return { dir_wcc: wcc };
}

async function rename(shared: Shared, { from, to }: ArgsOf<'RENAME'>): Promise<OkOf<'RENAME'>> {
  const source = await locateDirectory(shared, from.dir);
  const target = await locateDirectory(shared, to.dir);
  checkNewName(from.name);
  checkNewName(to.name);
  const { done, wcc } = await changing(shared, { directory: source, name: from.name }, (path) =>
    changing(shared, { directory: target, name: to.name }, async (newPath) => {
      const [moved, present] = await Promise.all([
        fs.lstat(path, { bigint: true }),
        fs.lstat(newPath, { bigint: true }).catch(() => undefined),
      ]);
      // RFC 1813 §3.3.14: what is there is replaced when both are directories, or neither is.
      const isOther = present !== undefined && present.isDirectory() !== moved.isDirectory();
      refuseIf(isOther, 'NFS3ERR_EXIST');
      await fs.rename(path, newPath);
      const isReplaced =
        present !== undefined && shared.tree.handleOf(present) !== shared.tree.handleOf(moved);
      if (isReplaced) shared.tree.unnamed(present);
      shared.tree.seen(target.handle, textOf(to.name), await fs.lstat(newPath, { bigint: true }));
    }),
  );
  return { fromdir_wcc: wcc, todir_wcc: done.wcc };
}

async function link(shared: Shared, { file, link: at }: ArgsOf<'LINK'>): Promise<OkOf<'LINK'>> {
  const located = await shared.tree.locate(file);
  refuseIf(located.stats.isDirectory(), 'NFS3ERR_INVAL');
  const directory = await locateDirectory(shared, at.dir);
  checkName(at.name);
  refuseIf(isDot(at.name) || isDotDot(at.name), 'NFS3ERR_EXIST');
  const { wcc } = await changing(shared, { directory, name: at.name }, async (path) => {
    await fs.link(located.path, path);
    const stats = await fs.lstat(path, { bigint: true });
    if (shared.tree.handleOf(stats) === located.handle) return;
    await fs.unlink(path);
    throw new Refused('NFS3ERR_STALE');
  });
  const { stats } = await shared.tree.locate(file);
  return { file_attributes: attributesOf(stats), linkdir_wcc: wcc };
}
