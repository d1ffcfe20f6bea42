import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Codec } from './codec.ts';
import type { Clock } from './environment.ts';
import { RecordReader } from './records.ts';
import {
  accept_stat,
  auth_flavor,
  authsys_parms,
  msg_type,
  reply_stat,
  RPC_VERSION,
  lastFragment,
} from './rpc.ts';
import { XdrError, XdrReader, XdrWriter } from './xdr.ts';

/** Where a program of another machine listens. */
export interface CallTarget {
  readonly host: string;
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
}

/** One procedure of another machine and what to give it. */
export interface OutgoingCall<Args, Result> {
  readonly program: number;
  readonly version: number;
  readonly procedure: { readonly number: number; readonly args: Codec<Args>; readonly result: Codec<Result> };
  readonly args: Args;
}

/** The call brought no result. `wasSent`: it may have been carried out all the same. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly wasSent: boolean;
  constructor(message: string, wasSent: boolean) {
    super(message);
    this.wasSent = wasSent;
  }
}

/** Faults: CallFailed. */
export type Call = <Args, Result>(target: CallTarget, call: OutgoingCall<Args, Result>) => Promise<Result>;

export interface CallerParts {
  readonly clock: Clock;
  /** What this machine calls itself in its credentials. */
  readonly machine: string;
  /** For one call, connecting and retransmissions included. */
  readonly timeoutMs: number;
  /** The address that calls come from, where it matters which of several it is. */
  readonly localAddress?: string;
}

/** Replies are a status, a cookie, an address. */
const replyBytesMax = 8192;
const fragmentsMax = 8;
/** A datagram may be lost: RFC 5531 §4 leaves the times to the program. */
const retransmitMsMin = 500;

/** Calls other machines, each call over a connection or socket of its own. As root, which is who lock daemons are. */
export function outgoingCalls(parts: CallerParts): Call {
  let xid = Math.floor(Math.random() * 2 ** 32);
  return async (target, call) => {
    xid = (xid + 1) >>> 0;
    const message = encodeCall(parts.machine, xid, call);
    const deadline = new AbortController();
    const late = parts.clock.sleep(parts.timeoutMs, deadline.signal).then(
      () => true,
      () => false,
    );
    const exchange = target.transport === 'tcp' ? overTcp : overUdp;
    const running = exchange(parts, target, { xid, message });
    try {
      const first = await Promise.race([running.reply, late]);
      if (typeof first === 'boolean') throw new CallFailed('no answer in time', running.wasSent());
      return readReply(first, call.procedure.result);
    } finally {
      deadline.abort();
      running.close();
    }
  };
}

function encodeCall<Args, Result>(
  machine: string,
  xid: number,
  { program, version, procedure, args }: OutgoingCall<Args, Result>,
): Uint8Array {
  const credential = new XdrWriter();
  credential.begin();
  authsys_parms.write(credential, {
    stamp: 0,
    machinename: Buffer.from(machine).subarray(0, 255),
    uid: 0,
    gid: 0,
    gids: [],
  });
  const writer = new XdrWriter();
  writer.begin();
  for (const word of [xid, msg_type.CALL, RPC_VERSION, program, version, procedure.number]) writer.u32(word);
  writer.u32(auth_flavor.AUTH_SYS);
  writer.opaqueParts(credential.take());
  writer.u32(auth_flavor.AUTH_NONE);
  writer.u32(0);
  procedure.args.write(writer, args);
  return Buffer.concat(writer.take());
}

/** The reader stands behind the xid. */
function readReply<Result>(reply: XdrReader, codec: Codec<Result>): Result {
  try {
    if (reply.u32() !== reply_stat.MSG_ACCEPTED) throw new CallFailed('the call was denied', false);
    reply.u32();
    reply.opaque(400);
    const stat = reply.u32();
    if (stat !== accept_stat.SUCCESS) throw new CallFailed(`accept_stat ${stat}`, false);
    return codec.read(reply);
  } catch (failure) {
    if (failure instanceof XdrError) throw new CallFailed(`a reply that is none: ${failure.message}`, true);
    throw failure;
  }
}

/** Whether the message is the reply to that call; consumes xid and type. */
function isReplyTo(xid: number, message: XdrReader): boolean {
  return message.left >= 12 && message.u32() === xid && message.u32() === msg_type.REPLY;
}

interface Exchange {
  /** Its reader stands behind xid and message type. Rejects with CallFailed. */
  readonly reply: Promise<XdrReader>;
  wasSent(): boolean;
  close(): void;
}
interface Message {
  readonly xid: number;
  readonly message: Uint8Array;
}

function overTcp(
  { localAddress }: CallerParts,
  { host, port }: CallTarget,
  { xid, message }: Message,
): Exchange {
  const socket = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
  const records = new RecordReader({
    recordBytesMax: replyBytesMax,
    ownBytesMax: replyBytesMax,
    fragmentsMax,
  });
  let isSent = false;
  const reply = new Promise<XdrReader>((resolve, reject) => {
    const fail = (failure?: Error): void =>
      reject(new CallFailed(failure?.message ?? 'the connection was closed', isSent));
    socket.once('connect', () => {
      const mark = Buffer.alloc(4);
      mark.writeUInt32BE((lastFragment | message.length) >>> 0);
      isSent = true;
      socket.write(Buffer.concat([mark, message]));
    });
    socket.on('data', (chunk: Uint8Array) => {
      try {
        records.push(chunk);
        for (let record = records.next(); record !== undefined; record = records.next())
          if (isReplyTo(xid, record.message)) resolve(record.message);
      } catch (failure) {
        fail(failure as Error);
      }
    });
    socket.once('error', fail);
    socket.once('close', () => fail());
  });
  reply.catch(() => undefined);
  return { reply, wasSent: () => isSent, close: () => void socket.destroy() };
}

/** Connected, so that only the peer's own datagrams come in, and a port where nobody listens is told. */
function overUdp(
  { clock, localAddress }: CallerParts,
  { host, port }: CallTarget,
  { xid, message }: Message,
): Exchange {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const over = new AbortController();
  let isSent = false;
  const reply = new Promise<XdrReader>((resolve, reject) => {
    const fail = (failure: Error): void => reject(new CallFailed(failure.message, isSent));
    socket.once('error', fail);
    socket.on('message', (bytes) => {
      const message = XdrReader.over(bytes);
      if (isReplyTo(xid, message)) resolve(message);
    });
    const retransmit = async (): Promise<void> => {
      for (let waitMs = retransmitMsMin; !over.signal.aborted; waitMs *= 2) {
        socket.send(message, (failure) => failure !== null && failure !== undefined && fail(failure));
        isSent = true;
        await clock.sleep(waitMs, over.signal);
      }
    };
    const begin = (): void => {
      socket.connect(port, host, (failure?: Error) => {
        if (failure !== undefined) fail(failure);
        else retransmit().catch(() => undefined);
      });
    };
    if (localAddress === undefined) begin();
    else socket.bind({ address: localAddress }, begin);
  });
  reply.catch(() => undefined);
  const close = (): void => {
    over.abort();
    socket.close();
  };
  return { reply, wasSent: () => isSent, close };
}
