import { createServer, type AddressInfo, type Server } from 'node:net';
import { Dispatcher, type Observer, type RpcProgram } from './dispatch.ts';
import { stderrLog, systemClock, type Clock, type Log } from './environment.ts';
import { LimitedLog } from './limited-log.ts';
import { checkLimits, defaultLimits, type ServerLimits } from './limits.ts';
import { mount3Program, type Mounts } from './mount3.ts';
import { nfs3Program } from './nfs3-program.ts';
import type { Nfs3Program } from './nfs3.ts';
import { RpcServer } from './server.ts';
import { serveSocket, type TlsOptions } from './tcp-transport.ts';

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
  /** Absent: calls go in clear text only. */
  readonly tls?: TlsOptions;
  /** Frees the memory of whole buffers at once, of which nobody looks at any byte any more; absent: the collector does. */
  readonly freeArrays?: (arrays: readonly Uint8Array[]) => void;
  /** Served beside NFS and MOUNT on the same port. */
  readonly programs?: readonly RpcProgram[];
}

export interface NfsServer {
  readonly address: AddressInfo;
  connectionCount(): number;
  /** Bytes that peers make the server hold, beyond what each connection may anyway: see `requestBytesMax` and `replyBytesMax`. */
  bytesHeld(): { readonly requests: number; readonly replies: number };
  /** Stops listening, answers what is in flight, closes every connection. */
  close(): Promise<void>;
}

/** Serves `backend` over TCP, MOUNT and NFS on one port. Rejects when the address cannot be had. */
export function listen(backend: Backend, options: ListenOptions): Promise<NfsServer> {
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const programs = [
    nfs3Program(backend.nfs, limits),
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
  checkLimits(limits);
  const { clock = systemClock, observe = () => undefined, programs } = options;
  const log = new LimitedLog(options.log ?? stderrLog, clock, limits);
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
  const { tls, freeArrays } = options;
  const server = new RpcServer({ dispatcher, clock, log, limits, freeArrays });
  listener.on('connection', (socket) => serveSocket(server, socket, { tls, log }));
  return {
    address: listener.address() as AddressInfo,
    connectionCount: () => server.connectionCount,
    bytesHeld: () => server.bytesHeld,
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
