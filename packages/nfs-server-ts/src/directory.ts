import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import type { Nfsstat3Failure } from './attributes.ts';
import { statusOf } from './directory-attributes.ts';
import { changingRows } from './directory-changes.ts';
import { readingRows } from './directory-reads.ts';
import { DirectoryTree, type Shared } from './directory-tree.ts';
import { systemClock, type Clock } from './environment.ts';
import type { Mountstat3 } from './mount3.ts';
import { answering, Refused, type PlainProgram } from './refused.ts';
import type { Backend } from './tcp.ts';

export interface DirectoryOptions {
  readonly isReadOnly?: boolean;
  readonly clock?: Clock;
}

/**
 * A directory of this machine. Everybody who can reach the server acts as the user that it runs as; nothing outside of the directory
 * can be reached, by symlinks neither. Handles outlive a restart. It makes no devices, pipes or sockets, as Node cannot.
 * Rejects when `path` is no directory.
 */
export async function directoryBackend(path: string, options: DirectoryOptions = {}): Promise<Backend> {
  const { isReadOnly = false, clock = systemClock } = options;
  const tree = await DirectoryTree.open(path, () => clock.monotonic());
  const shared: Shared = { tree, clock, isReadOnly, writeVerifier: randomBytes(8) };
  const plain: PlainProgram = { ...readingRows(shared), ...changingRows(shared) };
  return {
    nfs: answering(isReadOnly ? { ...plain, ...refusingRows } : plain, undefined, statusOf),
    mounts: {
      mount: (_call, asked) => mount(shared, asked),
      exports: () => Promise.resolve([{ ex_dir: Buffer.from('/'), ex_groups: [] }]),
    },
  };
}

const refuse = (): never => {
  throw new Refused('NFS3ERR_ROFS');
};
const refusingRows = {
  ...{ SETATTR: refuse, WRITE: refuse, CREATE: refuse, MKDIR: refuse, SYMLINK: refuse, MKNOD: refuse },
  ...{ REMOVE: refuse, RMDIR: refuse, RENAME: refuse, LINK: refuse },
};

/** RFC 1813 §5.2.1: any directory of the tree may be mounted; its path is looked up name by name, without symlinks. */
async function mount({ tree }: Shared, asked: Uint8Array): ReturnType<Backend['mounts']['mount']> {
  let handle = tree.rootHandle;
  try {
    for (const name of Buffer.from(asked).toString('latin1').split('/')) {
      if (name === '' || name === '.') continue;
      if (name === '..') return { status: 'MNT3ERR_INVAL' };
      const directory = await tree.locate(Buffer.from(handle, 'latin1'));
      const parent = handle;
      handle = await tree.within(directory, async (pathOf) =>
        tree.seen(parent, name, await fs.lstat(pathOf(name), { bigint: true })),
      );
    }
    const { stats } = await tree.locate(Buffer.from(handle, 'latin1'));
    if (!stats.isDirectory()) return { status: 'MNT3ERR_NOTDIR' };
  } catch (failure) {
    return { status: mountStatusOf(failure) };
  }
  return { status: 'MNT3_OK', ok: { fhandle: Buffer.from(handle, 'latin1'), auth_flavors: [1, 0] } };
}

function mountStatusOf(failure: unknown): Exclude<Mountstat3, 'MNT3_OK'> {
  const status = failure instanceof Refused ? failure.status : statusOf(failure);
  if (status === undefined) throw failure;
  return mountStatuses[status] ?? 'MNT3ERR_IO';
}

const mountStatuses: Partial<Record<Nfsstat3Failure, Exclude<Mountstat3, 'MNT3_OK'>>> = {
  NFS3ERR_NOENT: 'MNT3ERR_NOENT',
  NFS3ERR_STALE: 'MNT3ERR_NOENT',
  NFS3ERR_NOTDIR: 'MNT3ERR_NOTDIR',
  NFS3ERR_ACCES: 'MNT3ERR_ACCES',
  NFS3ERR_NAMETOOLONG: 'MNT3ERR_NAMETOOLONG',
};
