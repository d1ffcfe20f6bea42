import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Dispatcher, type Observer, type RpcProgram } from './dispatch.ts';
import { stderrLog, systemClock, type Clock, type Log } from './environment.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import { mount3Program, type Mounts } from './mount3.ts';
import { nfs3Program } from './nfs3-program.ts';
import type { Nfs3Program } from './nfs3.ts';
import type { Peer } from './peer.ts';
import { RpcServer } from './server.ts';
import type { Transport } from './transport.ts';

/** What is served: files, and the ways into them. */
export interface Backend {
  readonly nfs: Nfs3Program;
  readonly mounts: Mounts;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Told of every answered call. */
  readonly observe?: Observer;
  readonly limits?: Partial<ServerLimits>;
  /** Served beside NFS and MOUNT on the same port. */
  readonly programs?: readonly RpcProgram[];
}

export interface NfsServer {
  readonly address: AddressInfo;
  connectionCount(): number;
  /** Stops listening, answers what is in flight, closes every connection. */
  close(): Promise<void>;
}

/** Serves `backend` over TCP, MOUNT and NFS on one port. Rejects when the address cannot be had. */
export function listen(backend: Backend, options: ListenOptions): Promise<NfsServer> {
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const programs = [
    nfs3Program(backend.nfs),
    mount3Program(backend.mounts, limits),
    ...(options.programs ?? []),
  ];
  return listenPrograms({ ...options, programs });
}

/** Serves just these programs over TCP. Rejects when the address cannot be had. */
export async function listenPrograms(
  options: ListenOptions & { readonly programs: readonly RpcProgram[] },
): Promise<NfsServer> {
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const { clock = systemClock, log = stderrLog, observe = () => undefined, programs } = options;
  const dispatcher = new Dispatcher({ programs, clock, log, observe, limits });
  const listener = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  await listening(listener, options);
  // Too many open files, for one: this peer is not served, the others are.
  listener.on('error', (failure) => log.warn('nfs-accept-failed', { reason: failure.message }));
  const server = new RpcServer({ dispatcher, clock, log, limits });
  listener.on('connection', (socket) => serveSocket(server, socket));
  return {
    address: listener.address() as AddressInfo,
    connectionCount: () => server.connectionCount,
    async close() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      await server.close();
      await closed;
    },
  };
}

function listening(listener: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ host, port }, () => {
      listener.off('error', reject);
      resolve();
    });
  });
}

function serveSocket(server: RpcServer, socket: Socket): void {
  const transport = new TcpTransport(socket);
  const connection = server.accept(transport);
  if (connection === undefined) return;
  transport.onFlushed = () => connection.drained();
  socket.on('data', (chunk: Uint8Array) => connection.received(chunk));
  socket.on('end', () => connection.ended());
  // A reset is an everyday end of a connection; 'close' follows it.
  socket.on('error', () => connection.destroy());
  socket.on('close', () => connection.closed());
}

const nothingToDo = (): void => undefined;
/** A reply this short lies in a slab that it shares with others; behind so much of a backlog it is moved out of it. */
const shortBytesMax = 4096;
const backlogBytesMin = 16_384;

/** Collects the replies of one turn of the event loop and hands them to the kernel together. */
class TcpTransport implements Transport {
  readonly peer: Peer;
  readonly #socket: Socket;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #bytesWriting = 0;
  #isEnding = false;
  onFlushed: () => void = nothingToDo;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, tls: undefined };
  }

  get bytesQueued(): number {
    return this.#partsBytes + this.#bytesWriting;
  }

  send(parts: readonly Uint8Array[]): void {
    if (this.#parts.length === 0) setImmediate(() => this.#flush());
    // A slow reader must not keep whole slabs for the few bytes of its replies: only those are counted against its bound.
    const isBehind = this.#bytesWriting >= backlogBytesMin;
    for (const given of parts) {
      const part = isBehind && given.length <= shortBytesMax ? Uint8Array.from(given) : given;
      this.#partsBytes += part.length;
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
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
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

  #flush(): void {
    const parts = this.#parts;
    const bytes = this.#partsBytes;
    this.#parts = [];
    this.#partsBytes = 0;
    if (parts.length === 0) return;
    this.#bytesWriting += bytes;
    this.#socket.cork();
    for (const part of parts.slice(0, -1)) this.#socket.write(part);
    this.#socket.write(parts.at(-1)!, () => {
      this.#bytesWriting -= bytes;
      this.onFlushed();
    });
    this.#socket.uncork();
    if (this.#isEnding) this.#socket.end();
  }
}
