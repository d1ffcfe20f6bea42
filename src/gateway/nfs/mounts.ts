import type { Mounts, MountResult, MountResultOf } from 'nfs-server-ts/mount3';
import { auth_flavor, type CallContext } from 'nfs-server-ts/rpc';
import type { Log } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Attributes, Caller } from '../../namespace/namespace.ts';
import type { FileTree } from '../../namespace/file-tree.ts';
import { mountStatusFor } from './errors.ts';
import { mayUsePort, type Exports } from './exports.ts';
import type { Handles } from './handle.ts';

export interface MountParts {
  readonly files: FileTree;
  readonly handles: Handles;
  readonly exports: Exports;
  readonly log: Pick<Log, 'warn'>;
}

const AUTH_FLAVORS = [auth_flavor.AUTH_SYS, auth_flavor.AUTH_NONE];
const NAME_BYTES_MAX = 255;
/** The way to what is mounted is nobody's secret: rights count from there on, as with any other server's mount daemon. */
const PATHFINDER: Caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };

/** MOUNTv3: `/` is the tree, `/bucket` a bucket, `/bucket/a/b` a directory in it. */
export function nfsMounts(parts: MountParts): Mounts {
  return {
    async mount(call, path) {
      try {
        return await mount(parts, call, path);
      } catch (failure) {
        if (!(failure instanceof Fault)) throw failure;
        return { status: mountStatusFor(failure) };
      }
    },
    async exports(): Promise<MountResultOf<'EXPORT'>> {
      return (await parts.exports.list()).map(({ path, clients }) => ({
        ex_dir: Buffer.from(path),
        ex_groups: clients.map((client) => Buffer.from(client).subarray(0, NAME_BYTES_MAX)),
      }));
    },
  };
}

async function mount(
  { files, handles, exports, log }: MountParts,
  call: CallContext,
  path: Uint8Array,
): Promise<MountResult> {
  const names = namesOf(path);
  const [bucket, ...below] = names;
  // The rule comes first: who may not mount a bucket is not told what is in it.
  const rule = await exports.mountRule(call.peer, bucket?.toString());
  if (rule === undefined || !mayUsePort(rule, call.peer)) {
    const { client, peer } = call;
    log.warn('nfs.mount-refused', {
      client,
      port: peer.port,
      bucket: bucket?.toString() ?? '/',
      reason: rule === undefined ? 'no export rule lets it in' : 'the rule takes only ports below 1024',
    });
    return { status: 'MNT3ERR_ACCES' };
  }
  let found = await files.attributes(files.root());
  for (const name of bucket === undefined ? [] : [bucket, ...below]) found = await step(files, found, name);
  if (found.kind !== 'directory') return { status: 'MNT3ERR_NOTDIR' };
  return { status: 'MNT3_OK', ok: { fhandle: handles.seal(found), auth_flavors: AUTH_FLAVORS } };
}

async function step(files: FileTree, { ino }: Attributes, name: Uint8Array): Promise<Attributes> {
  return (await files.lookup(PATHFINDER, { directory: ino, name })).attributes;
}

/** Faults: 'invalid-argument' for `.` and `..`, which would lead out of the bucket whose rule was asked. */
function namesOf(path: Uint8Array): Buffer[] {
  const latin1 = Buffer.from(path).toString('latin1').split('/');
  const names = latin1.filter((name) => name !== '').map((name) => Buffer.from(name, 'latin1'));
  if (latin1.includes('.') || latin1.includes('..'))
    throw new Fault('invalid-argument', 'request', '. or .. in a mount path');
  return names;
}
