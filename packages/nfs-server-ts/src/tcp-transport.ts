import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { Log } from './environment.ts';
import type { Peer } from './peer.ts';
import type { RpcServer } from './server.ts';
import type { RpcTls } from './tls.ts';
import type { Transport, TransportEvents } from './transport.ts';

/** TLS for those who ask for it (RFC 9289). */
export interface TlsOptions {
  readonly rpcTls: RpcTls;
  /** Told of every connection that has become safe (RFC 9289 §7.1: there must be an audit log). */
  readonly observe: (peer: Peer) => void;
}

export interface SocketOptions {
  readonly tls: TlsOptions | undefined;
  readonly log: Log;
}

/** Serves the peer at the other end of `socket` until either of them ends. */
export function serveSocket(server: RpcServer, socket: Socket, options: SocketOptions): void {
  const transport = new TcpTransport(socket, options);
  const connection = server.accept(transport);
  if (connection === undefined) return;
  transport.serve(connection);
  // Whatever runs over it, it is this socket that closes. A reset is an everyday end of a connection; 'close' follows it.
  socket.on('error', () => connection.destroy());
  socket.on('close', () => connection.closed());
}

/**
 * A reply that is shorter than the slab it lies in shares that with others; who is slow to take it gets it moved out of there when
 * it would keep more than so many times what it is counted for.
 */
const keptFactorMax = 2;
/** What the kernel is given at a time: a slow peer shows that it takes something whenever so much is gone. */
const flushBytesMax = 1_048_576;

/** Collects the replies of one turn of the event loop and hands them to the kernel together. */
class TcpTransport implements Transport {
  readonly #options: SocketOptions;
  #peer: Peer;
  #tls: Transport['tls'];
  /** The one below TLS until that is there, then the one above it. */
  #socket: Socket;
  #events: TransportEvents | undefined;
  #isPaused = false;
  #isShakingHands = false;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #bytesWriting = 0;
  #isFlushing = false;
  /** Whether the kernel has not taken what it was given before. */
  #isBehind = false;
  #isEnding = false;
  /** Bytes sent and bytes that the kernel has taken, since the connection began. */
  #bytesSent = 0;
  #bytesTaken = 0;
  /** Who wants to know that its message is gone, and up to which byte that reaches; in order. */
  #senders: { readonly end: number; readonly whenSent: () => void }[] = [];

  constructor(socket: Socket, options: SocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#tls = options.tls === undefined ? 'off' : 'offered';
    this.#peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, tls: undefined };
  }

  get peer(): Peer {
    return this.#peer;
  }

  get tls(): Transport['tls'] {
    return this.#tls;
  }

  /** Reports what comes from now on. */
  serve(events: TransportEvents): void {
    this.#events = events;
    this.#socket.on('data', (chunk: Uint8Array) => events.received(chunk));
    this.#socket.on('end', () => events.ended());
  }

  startTls(reply: readonly Uint8Array[]): void {
    const { tls } = this.#options;
    const plain = this.#socket;
    assert(this.#tls === 'offered' && tls !== undefined);
    // What came before TLS is not handed to it.
    assert(plain.readableLength === 0);
    this.#tls = 'begun';
    this.#isShakingHands = true;
    plain.removeAllListeners('data').removeAllListeners('end');
    for (const part of reply) plain.write(part);
    tls.rpcTls.secure(plain).then(
      ({ socket, peer }) => {
        this.#isShakingHands = false;
        this.#peer = { ...this.#peer, tls: peer };
        this.#socket = socket;
        socket.on('error', () => socket.destroy());
        tls.observe(this.#peer);
        if (this.#events !== undefined) this.serve(this.#events);
        if (this.#isPaused) socket.pause();
      },
      (failure: Error) => {
        this.#options.log.warn('nfs-tls-failed', { client: this.#peer.address, reason: failure.message });
        plain.destroy();
      },
    );
  }

  get bytesQueued(): number {
    return this.#partsBytes + this.#bytesWriting;
  }

  send(parts: readonly Uint8Array[], whenSent?: () => void): void {
    this.#flushSoon();
    for (const given of parts) {
      const part = this.#isBehind ? unshared(given) : given;
      this.#partsBytes += part.length;
      this.#bytesSent += part.length;
      const last = this.#parts.at(-1);
      // Messages written one behind the other into one slab go out as one piece.
      if (
        last !== undefined &&
        last.buffer === part.buffer &&
        last.byteOffset + last.length === part.byteOffset
      ) {
        this.#parts[this.#parts.length - 1] = new Uint8Array(
          last.buffer,
          last.byteOffset,
          last.length + part.length,
        );
      } else this.#parts.push(part);
    }
    if (whenSent !== undefined) this.#senders.push({ end: this.#bytesSent, whenSent });
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isShakingHands) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isShakingHands) this.#socket.resume();
  }

  end(): void {
    this.#isEnding = true;
    if (this.#parts.length === 0) this.#socket.end();
  }

  destroy(): void {
    this.#parts = [];
    this.#partsBytes = 0;
    this.#socket.destroy();
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#bytesWriting >= flushBytesMax) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#parts.length === 0) return;
    this.#isBehind = this.#bytesWriting > 0;
    const { parts, bytes } = this.#take();
    this.#bytesWriting += bytes;
    this.#socket.cork();
    for (const part of parts.slice(0, -1)) this.#socket.write(part);
    this.#socket.write(parts.at(-1)!, (failure) => {
      // Of what a broken connection had under way nobody is told that it is sent.
      if (failure == null) this.#taken(bytes);
      this.#written(bytes);
    });
    this.#socket.uncork();
    if (this.#isEnding && this.#parts.length === 0) this.#socket.end();
  }

  #written(bytes: number): void {
    this.#bytesWriting -= bytes;
    if (this.#bytesWriting === 0) this.#isBehind = false;
    if (this.#parts.length > 0) this.#flushSoon();
    this.#events?.drained();
  }

  #taken(bytes: number): void {
    this.#bytesTaken += bytes;
    let count = 0;
    for (const { end, whenSent } of this.#senders) {
      if (end > this.#bytesTaken) break;
      whenSent();
      count += 1;
    }
    if (count > 0) this.#senders = this.#senders.slice(count);
  }

  /** What goes to the kernel next. A slow reader must not keep whole slabs for the few bytes of its replies. */
  #take(): { parts: readonly Uint8Array[]; bytes: number } {
    let count = 0;
    let bytes = 0;
    for (; count < this.#parts.length && bytes < flushBytesMax; count++) bytes += this.#parts[count]!.length;
    const parts = this.#parts.slice(0, count);
    this.#parts = this.#parts.slice(count);
    this.#partsBytes -= bytes;
    return { parts: this.#isBehind ? parts.map(unshared) : parts, bytes };
  }
}

const unshared = (part: Uint8Array): Uint8Array =>
  part.buffer.byteLength > keptFactorMax * part.length ? Uint8Array.from(part) : part;
