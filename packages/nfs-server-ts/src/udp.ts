import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { isIPv6 } from 'node:net';
import { Dispatcher, type Observer, type RpcProgram } from './dispatch.ts';
import { stderrLog, systemClock, type Clock, type Log } from './environment.ts';
import { LimitedLog } from './limited-log.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import { accept_stat, auth_flavor, markBytes, msg_type, reply_stat } from './rpc.ts';
import { XdrError, XdrReader } from './xdr.ts';

export interface UdpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly programs: readonly RpcProgram[];
  readonly clock?: Clock;
  readonly log?: Log;
  /** Told of every answered call. */
  readonly observe?: Observer;
  readonly limits?: Partial<ServerLimits>;
}

export interface UdpServer {
  readonly address: AddressInfo;
  /** Calls that run now. */
  callsInFlight(): number;
  /** Takes no more datagrams, answers what is in flight, up to the limit's time. */
  close(): Promise<void>;
}

/**
 * An address of a datagram can be made up. So that nobody is flooded with answers that he did not ask for, a reply is at most
 * so many times as long as its call (RFC 9000 §8.1 has the same rule and number); a longer one must be asked for over TCP.
 */
const replyFactorMax = 3;

/** A call without arguments and credentials: what is shorter is no call. */
const callBytesMin = 40;

/**
 * Serves RPC over datagrams: one datagram, one call. What is no call is dropped without an answer, and so is what comes while
 * too many calls run: a caller of UDP asks again. Rejects when the address cannot be had.
 */
export async function listenUdp(options: UdpOptions): Promise<UdpServer> {
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const { programs, clock = systemClock, observe = () => undefined } = options;
  const log = new LimitedLog(options.log ?? stderrLog, clock, limits);
  const dispatcher = new Dispatcher({ programs, clock, log, observe, limits });
  const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4', reuseAddr: false });
  await bound(socket, options);
  socket.on('error', (failure) => log.warn('nfs-udp-failed', { reason: failure.message }));
  const running = new Set<Promise<void>>();
  let isClosing = false;
  socket.on('message', (datagram, peer) => {
    if (isClosing || running.size >= limits.udpCallsInFlightMax || !mayBeCall(datagram, peer)) return;
    if (datagram.length > limits.udpCallBytesMax) return;
    const call = answer({ dispatcher, socket, log }, datagram, peer);
    running.add(call);
    void call.finally(() => running.delete(call));
  });
  return {
    address: socket.address(),
    callsInFlight: () => running.size,
    async close() {
      isClosing = true;
      const deadline = new AbortController();
      const late = clock.sleep(limits.closeMsMax, deadline.signal).catch(() => undefined);
      await Promise.race([Promise.all(running), late]);
      deadline.abort();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

function bound(socket: Socket, { host, port }: UdpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

/** Replies are never answered: two servers could be made to talk to each other for ever. */
const mayBeCall = (datagram: Buffer, peer: RemoteInfo): boolean =>
  peer.port > 0 && datagram.length >= callBytesMin && datagram.readUInt32BE(4) === msg_type.CALL;

async function answer(
  { dispatcher, socket, log }: { dispatcher: Dispatcher; socket: Socket; log: Log },
  datagram: Buffer,
  peer: RemoteInfo,
): Promise<void> {
  const { address: client, port } = peer;
  const caller = { address: client, port, tls: undefined };
  try {
    const parts = await dispatcher.answer(XdrReader.over(datagram), caller, () => Promise.resolve(true));
    // A record mark is for streams.
    const reply = Buffer.concat(parts).subarray(markBytes);
    const fits = reply.length <= replyFactorMax * datagram.length;
    socket.send(
      fits ? reply : systemError(datagram.readUInt32BE(0)),
      peer.port,
      peer.address,
      () => undefined,
    );
  } catch (failure) {
    if (!(failure instanceof XdrError))
      log.error('nfs-udp-call-failed', { client, failure: String(failure) });
  }
}

function systemError(xid: number): Buffer {
  const words = [
    xid,
    msg_type.REPLY,
    reply_stat.MSG_ACCEPTED,
    auth_flavor.AUTH_NONE,
    0,
    accept_stat.SYSTEM_ERR,
  ];
  const reply = Buffer.alloc(4 * words.length);
  words.forEach((word, index) => reply.writeUInt32BE(word, 4 * index));
  return reply;
}
