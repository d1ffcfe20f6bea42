import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import {
  accept_stat,
  auth_flavor,
  authsys_parms,
  lastFragment,
  msg_type,
  reply_stat,
} from '../../src/rpc.ts';
import { MOUNT_PROGRAM, MOUNT_V3, mountProcedures } from '../../src/mount3.ts';
import type { MountArgsOf, MountProcedureName, MountResultOf } from '../../src/mount3.ts';
import { NFS_PROGRAM, NFS_V3, procedures } from '../../src/nfs3.ts';
import type { ArgsOf, OkOf, Procedure, ProcedureName, ReplyOf } from '../../src/nfs3.ts';
import { nfsstat3, type Nfsstat3, type Sattr3 } from '../../src/attributes.ts';
import type { Codec } from '../../src/codec.ts';
import { RecordReader } from '../../src/records.ts';
import { XdrWriter, type XdrReader } from '../../src/xdr.ts';

export interface Credential {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** A reply that the RPC layer refused: `stat` is its accept_stat, reject_stat or auth_stat. */
export class RpcFailure extends Error {
  readonly stat: string;
  constructor(stat: string) {
    super(stat);
    this.stat = stat;
  }
}

const replyBytesMax = 2 * 1_048_576;
const statusNames = new Map<number, Nfsstat3>(
  Object.entries(nfsstat3).map(([name, number]) => [number, name as Nfsstat3]),
);
const acceptNames = new Map<number, string>(
  Object.entries(accept_stat).map(([name, number]) => [number, name]),
);

/** One TCP connection that speaks ONC RPC, byte for byte under the test's control. */
export class RpcClient {
  readonly socket: Socket;
  readonly #records = new RecordReader({
    recordBytesMax: replyBytesMax,
    fragmentsMax: 16,
    ownBytesMax: replyBytesMax,
  });
  readonly #waiting = new Map<
    number,
    { resolve: (reply: XdrReader) => void; reject: (failure: Error) => void }
  >();
  readonly whenClosed: Promise<void>;
  #xid = Math.floor(Math.random() * 2 ** 31);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Uint8Array) => this.#received(chunk));
    socket.on('error', () => undefined);
    this.whenClosed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const { reject } of this.#waiting.values()) reject(new RpcFailure('closed'));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RpcClient> {
    const socket = connect({ port, host, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RpcClient(socket);
  }

  /** In TLS from the first record on, as RFC 9289 §4.1 has it: a NULL call that asks for it, `STARTTLS`, and the handshake. */
  static async connectTls(port: number, options: ConnectionOptions, host = '127.0.0.1'): Promise<RpcClient> {
    const plain = await RpcClient.connect(port, host);
    const { socket } = plain;
    if ((await plain.askForTls()) !== 'STARTTLS') throw new RpcFailure('no STARTTLS');
    socket.removeAllListeners('data');
    const secured = connectTls({ ...tlsOptions, ...options, socket });
    const failed = once(secured, 'close').then(() => Promise.reject(new RpcFailure('closed')));
    await Promise.race([once(secured, 'secureConnect'), failed]);
    failed.catch(() => undefined);
    return new RpcClient(secured);
  }

  /** The verifier of the reply to a call that asks for TLS. */
  async askForTls(): Promise<string> {
    const xid = this.nextXid();
    const asked = this.reply(xid);
    this.send(framed(tlsProbe(xid)));
    const reply = await asked;
    if (reply.u32() !== msg_type.REPLY || reply.u32() !== reply_stat.MSG_ACCEPTED) return '';
    return reply.u32() === auth_flavor.AUTH_NONE ? Buffer.from(reply.opaque(400)).toString() : '';
  }

  nextXid(): number {
    this.#xid = (this.#xid + 1) >>> 0;
    return this.#xid;
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The whole reply record with this xid, reader at its message type. Register before the call goes out. */
  reply(xid: number): Promise<XdrReader> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) reject(new RpcFailure('closed'));
      else this.#waiting.set(xid, { resolve, reject });
    });
  }

  /** The results of a call whose record is `call`. Rejects with RpcFailure when the RPC layer refused it. */
  async exchange(xid: number, call: Uint8Array): Promise<XdrReader> {
    const reply = this.reply(xid);
    this.send(call);
    return results(await reply);
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.whenClosed;
  }

  #received(chunk: Uint8Array): void {
    this.#records.push(chunk);
    for (let record = this.#records.next(); record !== undefined; record = this.#records.next()) {
      const { message } = record;
      const xid = message.u32();
      this.#waiting.get(xid)?.resolve(message);
      this.#waiting.delete(xid);
    }
  }
}

/** What RFC 9289 §5 asks of a client. */
const tlsOptions: ConnectionOptions = {
  ALPNProtocols: ['sunrpc'],
  minVersion: 'TLSv1.3',
  servername: 'server.lab.example',
};

/** NULL of NFSv3 with AUTH_TLS, without record mark. */
export function tlsProbe(xid: number): Uint8Array {
  const writer = new XdrWriter();
  writer.begin();
  for (const word of [xid, msg_type.CALL, 2, NFS_PROGRAM, NFS_V3, 0, auth_flavor.AUTH_TLS, 0, 0, 0]) {
    writer.u32(word);
  }
  return Buffer.concat(writer.take());
}

/** Reads the reply's header; RFC 5531 §9. */
export function results(reply: XdrReader): XdrReader {
  if (reply.u32() !== msg_type.REPLY) throw new RpcFailure('not a reply');
  if (reply.u32() === reply_stat.MSG_DENIED) {
    throw new RpcFailure(
      reply.u32() === 1 ? `AUTH_ERROR ${reply.u32()}` : `RPC_MISMATCH ${reply.u32()} ${reply.u32()}`,
    );
  }
  reply.u32();
  reply.opaque(400);
  const stat = acceptNames.get(reply.u32()) ?? 'unknown';
  if (stat === 'PROG_MISMATCH') throw new RpcFailure(`PROG_MISMATCH ${reply.u32()} ${reply.u32()}`);
  if (stat !== 'SUCCESS') throw new RpcFailure(stat);
  return reply;
}

export interface CallHeader {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly credential: Credential | 'AUTH_NONE';
}

/** A call's message without record mark. */
export function encodeCall(header: CallHeader, writeArgs: (writer: XdrWriter) => void): Uint8Array {
  const writer = new XdrWriter();
  writer.begin();
  for (const word of [header.xid, msg_type.CALL, 2, header.program, header.version, header.procedure])
    writer.u32(word);
  writer.u32(header.credential === 'AUTH_NONE' ? auth_flavor.AUTH_NONE : auth_flavor.AUTH_SYS);
  writer.opaque(header.credential === 'AUTH_NONE' ? new Uint8Array(0) : encodeCredential(header.credential));
  writer.u32(auth_flavor.AUTH_NONE);
  writer.opaque(new Uint8Array(0));
  writeArgs(writer);
  return Buffer.concat(writer.take());
}

function encodeCredential({ uid, gid, groups }: Credential): Uint8Array {
  const writer = new XdrWriter();
  writer.begin();
  authsys_parms.write(writer, { stamp: 0, machinename: Buffer.from('test-client'), uid, gid, gids: groups });
  return Buffer.concat(writer.take());
}

/** The message as a record of one fragment. */
export function framed(message: Uint8Array): Uint8Array {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE((lastFragment | message.length) >>> 0);
  return Buffer.concat([mark, message]);
}

/** Wishes nothing. */
export const unchanged: Sattr3 = {
  mode: undefined,
  uid: undefined,
  gid: undefined,
  size: undefined,
  atime: { set_it: 'DONT_CHANGE' },
  mtime: { set_it: 'DONT_CHANGE' },
};

export const rootCredential: Credential = { uid: 0, gid: 0, groups: [] };

/** MOUNT and NFSv3 over one connection, by the server's own tables. */
export class NfsClient {
  readonly rpc: RpcClient;
  readonly credential: Credential | 'AUTH_NONE';

  constructor(rpc: RpcClient, credential: Credential | 'AUTH_NONE' = rootCredential) {
    this.rpc = rpc;
    this.credential = credential;
  }

  static async connect(
    port: number,
    credential: Credential | 'AUTH_NONE' = rootCredential,
  ): Promise<NfsClient> {
    return new NfsClient(await RpcClient.connect(port), credential);
  }

  /** Same connection, another user. */
  as(credential: Credential | 'AUTH_NONE'): NfsClient {
    return new NfsClient(this.rpc, credential);
  }

  /** The record of a call, ready to send, and to send again. */
  encode<Name extends ProcedureName>(name: Name, args: ArgsOf<Name>, xid: number): Uint8Array {
    const row = procedures[name] as unknown as Procedure<ArgsOf<Name>, unknown, unknown>;
    const { credential } = this;
    const header = { xid, program: NFS_PROGRAM, version: NFS_V3, procedure: row.number, credential };
    return framed(encodeCall(header, (writer) => row.args.write(writer, args)));
  }

  decode<Name extends ProcedureName>(name: Name, reply: XdrReader): ReplyOf<Name> {
    const row = procedures[name] as unknown as Procedure<unknown, unknown, unknown>;
    const status = statusNames.get(reply.u32());
    if (status === undefined) throw new RpcFailure('no such nfsstat3');
    if (status === 'NFS3_OK') return { status, ok: row.resok.read(reply) } as ReplyOf<Name>;
    return { status, fail: row.resfail.read(reply) } as ReplyOf<Name>;
  }

  async call<Name extends Exclude<ProcedureName, 'NULL'>>(
    name: Name,
    args: ArgsOf<Name>,
  ): Promise<ReplyOf<Name>> {
    const xid = this.rpc.nextXid();
    return this.decode(name, await this.rpc.exchange(xid, this.encode(name, args, xid)));
  }

  /** The resok; rejects with the status as message when there is none. */
  async ok<Name extends Exclude<ProcedureName, 'NULL'>>(name: Name, args: ArgsOf<Name>): Promise<OkOf<Name>> {
    const reply = await this.call(name, args);
    if (reply.status !== 'NFS3_OK') throw new Error(`${name}: ${reply.status}`);
    return reply.ok;
  }

  async null(): Promise<void> {
    const xid = this.rpc.nextXid();
    await this.rpc.exchange(xid, this.encode('NULL', {}, xid));
  }

  async mount<Name extends MountProcedureName>(
    name: Name,
    args: MountArgsOf<Name>,
  ): Promise<MountResultOf<Name>> {
    const row = mountProcedures[name] as unknown as {
      readonly number: number;
      readonly args: Codec<MountArgsOf<Name>>;
      readonly result: Codec<MountResultOf<Name>>;
    };
    const xid = this.rpc.nextXid();
    const { credential } = this;
    const header = { xid, program: MOUNT_PROGRAM, version: MOUNT_V3, procedure: row.number, credential };
    const call = framed(encodeCall(header, (writer) => row.args.write(writer, args)));
    return row.result.read(await this.rpc.exchange(xid, call));
  }

  /** The handle of an export; rejects with the status as message. */
  async root(path: string): Promise<Uint8Array> {
    const result = await this.mount('MNT', { dirpath: Buffer.from(path) });
    if (result.status !== 'MNT3_OK') throw new Error(`MNT: ${result.status}`);
    return Uint8Array.from(result.ok.fhandle);
  }

  close(): Promise<void> {
    return this.rpc.close();
  }
}
