import { array, enumeration, list, nothing, opaque, struct, u32 } from './codec.ts';
import type { Codec, Decoded } from './codec.ts';
import type { RpcProcedure, RpcProgram } from './dispatch.ts';
import { nfs_fh3 } from './attributes.ts';
import type { ServerLimits } from './limits.ts';
import { codedProcedure, procedure, type CodedProcedure } from './procedure.ts';
import type { CallContext } from './rpc.ts';
import { opaqueBytes } from './xdr.ts';

/** RFC 1813, appendix I. */
export const MOUNT_PROGRAM = 100005;
export const MOUNT_V3 = 3;
export const mountPathBytesMax = 1024;
const mountNameBytesMax = 255;

export const mountstat3 = enumeration({
  MNT3_OK: 0,
  MNT3ERR_PERM: 1,
  MNT3ERR_NOENT: 2,
  MNT3ERR_IO: 5,
  MNT3ERR_ACCES: 13,
  MNT3ERR_NOTDIR: 20,
  MNT3ERR_INVAL: 22,
  MNT3ERR_NAMETOOLONG: 63,
  MNT3ERR_NOTSUPP: 10004,
  MNT3ERR_SERVERFAULT: 10006,
});
export type Mountstat3 = Decoded<typeof mountstat3>;

export const dirpath = opaque(mountPathBytesMax);
const name = opaque(mountNameBytesMax);
export const mountres3_ok = struct({ fhandle: nfs_fh3, auth_flavors: array(u32, 16) });
const mountlist = list(struct({ ml_hostname: name, ml_directory: dirpath }));
const exports = list(struct({ ex_dir: dirpath, ex_groups: list(name) }));
const directory = struct({ dirpath });

export type MountResult =
  | { readonly status: 'MNT3_OK'; readonly ok: Decoded<typeof mountres3_ok> }
  | { readonly status: Exclude<Mountstat3, 'MNT3_OK'> };

const mountres3: Codec<MountResult> = {
  shape: { kind: 'union', tag: 'status', arms: { MNT3_OK: struct({ ok: mountres3_ok }).shape } },
  read(reader) {
    const status = mountstat3.read(reader);
    return status === 'MNT3_OK' ? { status, ok: mountres3_ok.read(reader) } : { status };
  },
  write(writer, value) {
    mountstat3.write(writer, value.status);
    if (value.status === 'MNT3_OK') mountres3_ok.write(writer, value.ok);
  },
};

/** RFC 1813, appendix I. NULL is answered by the RPC layer. */
export const mountProcedures = {
  NULL: procedure({ number: 0, args: nothing, result: nothing }),
  MNT: procedure({ number: 1, args: directory, result: mountres3 }),
  DUMP: procedure({ number: 2, args: nothing, result: mountlist }),
  UMNT: procedure({ number: 3, args: directory, result: nothing }),
  UMNTALL: procedure({ number: 4, args: nothing, result: nothing }),
  EXPORT: procedure({ number: 5, args: nothing, result: exports }),
} as const;
export type MountProcedureName = keyof typeof mountProcedures;
export type MountArgsOf<Name extends MountProcedureName> = Decoded<(typeof mountProcedures)[Name]['args']>;
export type MountResultOf<Name extends MountProcedureName> = Decoded<
  (typeof mountProcedures)[Name]['result']
>;

/** What a program must supply so that its trees can be mounted. */
export interface Mounts {
  /** `path` is as the client sent it. */
  mount(call: CallContext, path: Uint8Array): Promise<MountResult>;
  /** What EXPORT shows. No groups: everyone. */
  exports(): Promise<MountResultOf<'EXPORT'>>;
}

interface MountLine {
  readonly client: string;
  readonly path: Uint8Array;
}

/** As XDR, behind the word that says that it follows. */
const mountLineBytesMax = 4 + opaqueBytes(mountNameBytesMax) + opaqueBytes(mountPathBytesMax);
/** How long the list of exports may be is the backend's business; this is room for some 10,000. */
const exportsBytes = 1_048_576;

/**
 * Who said to have mounted what. Only for people to look at (RFC 1813 §5: it may be out of date), so it is kept in memory, and
 * the oldest line goes when it is full.
 */
class MountList {
  readonly #lines = new Map<string, MountLine>();
  readonly #linesMax: number;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  add(client: string, path: Uint8Array): void {
    const copy = Uint8Array.from(path);
    this.#lines.set(lineKey(client, path), { client, path: copy });
    for (const key of this.#lines.keys()) {
      if (this.#lines.size <= this.#linesMax) break;
      this.#lines.delete(key);
    }
  }

  remove(client: string, path: Uint8Array): void {
    this.#lines.delete(lineKey(client, path));
  }

  /** What a dump may take as XDR. */
  get dumpBytes(): number {
    return this.#lines.size * mountLineBytesMax;
  }

  removeAll(client: string): void {
    for (const [key, line] of this.#lines) if (line.client === client) this.#lines.delete(key);
  }

  dump(): MountResultOf<'DUMP'> {
    return [...this.#lines.values()].map(({ client, path }) => ({
      ml_hostname: Buffer.from(client).subarray(0, mountNameBytesMax),
      ml_directory: path,
    }));
  }
}

const lineKey = (client: string, path: Uint8Array): string =>
  `${client} ${Buffer.from(path).toString('latin1')}`;

/** MOUNTv3 over the backend's exports, ready to be dispatched. */
export function mount3Program(mounts: Mounts, limits: Pick<ServerLimits, 'mountEntriesMax'>): RpcProgram {
  const mounted = new MountList(limits.mountEntriesMax);
  const rows: RpcProcedure[] = [
    row('MNT', async (call, args) => {
      const result = await mounts.mount(call, args.dirpath);
      if (result.status === 'MNT3_OK') mounted.add(call.client, args.dirpath);
      return result;
    }),
    row(
      'DUMP',
      () => Promise.resolve(mounted.dump()),
      () => mounted.dumpBytes,
    ),
    row('UMNT', (call, args) => Promise.resolve(mounted.remove(call.client, args.dirpath) ?? {})),
    row('UMNTALL', (call) => Promise.resolve(mounted.removeAll(call.client) ?? {})),
    row(
      'EXPORT',
      () => mounts.exports(),
      () => exportsBytes,
    ),
  ];
  const byNumber = new Map(
    rows.map((entry) => [mountProcedures[entry.name as MountProcedureName].number, entry]),
  );
  return { name: 'MOUNT', number: MOUNT_PROGRAM, version: MOUNT_V3, procedures: byNumber };
}

/** All of MOUNT may run twice: it changes nothing but the list of mounts, which is a set. */
function row<Name extends MountProcedureName>(
  name: Name,
  handle: (call: CallContext, args: MountArgsOf<Name>) => Promise<MountResultOf<Name>>,
  replyBytes = (): number => 0,
): RpcProcedure {
  const codecs = mountProcedures[name] as unknown as CodedProcedure<MountArgsOf<Name>, MountResultOf<Name>>;
  return codedProcedure(codecs, { name, isIdempotent: true, handle, replyBytes });
}
