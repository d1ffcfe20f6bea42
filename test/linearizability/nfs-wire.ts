import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArgsOf, OkOf, ProcedureName } from 'nfs-server-ts/nfs3';
import { NfsClient, RpcFailure, unchanged } from 'nfs-server-ts/test/support/client';
import { Fault, type FaultCode } from '../../src/fault.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { FILE_BYTES_MAX, Unanswered, type Doors, type Place } from './doors.ts';

const ATTEMPTS_MAX = 50;
const AGAIN_MS = 5;
const READDIR_BYTES = 8192;

/** What the model calls it. */
const faultCodes: Readonly<Record<string, FaultCode>> = {
  NFS3ERR_NOENT: 'not-found',
  NFS3ERR_EXIST: 'exists',
  NFS3ERR_NOTEMPTY: 'not-empty',
  NFS3ERR_NOTDIR: 'not-directory',
  NFS3ERR_ISDIR: 'is-directory',
  NFS3ERR_INVAL: 'invalid-argument',
  NFS3ERR_STALE: 'stale-handle',
};

type Called = Exclude<ProcedureName, 'NULL'>;

/** One connection to the NFS address, and what handles lead to, which all clients of a round share. */
export class NfsWire {
  readonly #client: NfsClient;
  readonly #handles: Map<Ino, Uint8Array>;
  /** Of all answers to WRITE and COMMIT: a server that may have lost something has another one. */
  readonly verifiers = new Set<string>();

  private constructor(client: NfsClient, handles: Map<Ino, Uint8Array>) {
    this.#client = client;
    this.#handles = handles;
  }

  static async connect(port: number, handles: Map<Ino, Uint8Array>): Promise<NfsWire> {
    return new NfsWire(await NfsClient.connect(port), handles);
  }

  /** The directory of a bucket. */
  async mount(bucket: string): Promise<Ino> {
    const handle = await this.#client.root(`/${bucket}`);
    const { obj_attributes } = await this.#call('GETATTR', { object: handle });
    return this.#known(obj_attributes.fileid as Ino, handle);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  nameDoors(): Pick<
    Doors,
    'lookup' | 'create' | 'makeDirectory' | 'remove' | 'removeDirectory' | 'rename' | 'readDirectory'
  > {
    return {
      lookup: async (directory, name) => {
        const what = this.#place({ directory, name });
        const { object, obj_attributes } = await this.#call('LOOKUP', { what });
        assert(obj_attributes !== undefined);
        return this.#known(obj_attributes.fileid as Ino, object);
      },
      create: async (directory, name, { how, size }) => {
        const mode = how === 'guarded' ? ('GUARDED' as const) : ('UNCHECKED' as const);
        const where = this.#place({ directory, name });
        const obj_attributes = { ...unchanged, mode: 0o644, size };
        return this.#made(await this.#call('CREATE', { where, how: { mode, obj_attributes } }));
      },
      makeDirectory: async (directory, name) => {
        const where = this.#place({ directory, name });
        return this.#made(await this.#call('MKDIR', { where, attributes: unchanged }));
      },
      remove: async (directory, name) => {
        await this.#call('REMOVE', { object: this.#place({ directory, name }) });
      },
      removeDirectory: async (directory, name) => {
        await this.#call('RMDIR', { object: this.#place({ directory, name }) });
      },
      rename: async (from, to) => {
        await this.#call('RENAME', { from: this.#place(from), to: this.#place(to) });
      },
      readDirectory: (directory) => this.#names(directory),
    };
  }

  contentDoors(): Pick<Doors, 'readFile' | 'write' | 'commit' | 'truncate'> {
    return {
      readFile: async (ino) => {
        const read = { file: this.#handle(ino), offset: 0, count: FILE_BYTES_MAX };
        const { data, eof } = await this.#call('READ', read);
        assert(eof, 'a file of a round is read by one call');
        return Buffer.concat(data).toString('latin1');
      },
      write: async (ino, { offset, stable }, text) => {
        const data = Buffer.from(text, 'latin1');
        const how = stable ? ('FILE_SYNC' as const) : ('UNSTABLE' as const);
        const place = { file: this.#handle(ino), offset, count: data.length };
        const { count, committed, verf } = await this.#call('WRITE', { ...place, stable: how, data });
        assert.equal(count, data.length);
        assert(!stable || committed === 'FILE_SYNC', committed);
        this.verifiers.add(Buffer.from(verf).toString('hex'));
      },
      commit: async (ino) => {
        const { verf } = await this.#call('COMMIT', { file: this.#handle(ino), offset: 0, count: 0 });
        this.verifiers.add(Buffer.from(verf).toString('hex'));
      },
      truncate: async (ino, size) => {
        const new_attributes = { ...unchanged, size };
        await this.#call('SETATTR', { object: this.#handle(ino), new_attributes, guard: undefined });
      },
    };
  }

  async #names(directory: Ino): Promise<readonly string[]> {
    const [dir, cookieverf] = [this.#handle(directory), new Uint8Array(8)];
    const range = { dir, cookie: 0, cookieverf, dircount: READDIR_BYTES, maxcount: READDIR_BYTES };
    const { reply } = await this.#call('READDIRPLUS', range);
    assert(reply.eof, 'a directory of a round is listed by one call');
    return reply.entries
      .map(({ name }) => Buffer.from(name).toString())
      .filter((name) => !/^\.\.?$/.test(name));
  }

  #made({ obj, obj_attributes }: OkOf<'CREATE'>): Ino {
    assert(obj !== undefined && obj_attributes !== undefined);
    return this.#known(obj_attributes.fileid as Ino, obj);
  }

  #known(ino: Ino, handle: Uint8Array): Ino {
    this.#handles.set(ino, Uint8Array.from(handle));
    return ino;
  }

  #handle(ino: Ino): Uint8Array {
    const handle = this.#handles.get(ino);
    assert(handle !== undefined, `nobody has a handle of ${ino}`);
    return handle;
  }

  #place({ directory, name }: Place): { readonly dir: Uint8Array; readonly name: Uint8Array } {
    return { dir: this.#handle(directory), name: Buffer.from(name) };
  }

  /** The results of a call that succeeded; a Fault with the code of the model for one that was refused. */
  async #call<Name extends Called>(name: Name, args: ArgsOf<Name>): Promise<OkOf<Name>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const reply = await this.#client.call(name, args).catch((cause: unknown) => {
        if (cause instanceof RpcFailure && cause.stat === 'closed')
          throw new Unanswered('no answer over NFS', { cause });
        throw cause;
      });
      if (reply.status === 'NFS3_OK') return reply.ok;
      const code = faultCodes[reply.status];
      if (code !== undefined) throw new Fault(code, 'inode', reply.status);
      assert.equal(reply.status, 'NFS3ERR_JUKEBOX', `${name}: ${reply.status}`);
      await sleep(AGAIN_MS);
    }
    throw new Error(`${name}: told to come back ${ATTEMPTS_MAX} times`);
  }
}
