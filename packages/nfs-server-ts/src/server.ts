import { bytePools } from './byte-pool.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import type { LimitedLog } from './limited-log.ts';
import { peerGroup } from './peer-address.ts';
import type { Transport } from './transport.ts';

export interface RpcServerParts extends Omit<ConnectionParts, 'requests' | 'replies'> {
  readonly log: LimitedLog;
}

/** How often peers are looked after. */
const sweepMs = 1_000;

/** The connections of one server, whatever carries them. */
export class RpcServer {
  readonly #parts: ConnectionParts;
  readonly #log: LimitedLog;
  readonly #connections = new Set<Connection>();
  readonly #countByAddress = new Map<string, number>();
  readonly #stop = new AbortController();
  #isClosing = false;

  constructor(parts: RpcServerParts) {
    this.#log = parts.log;
    this.#parts = { ...parts, ...bytePools(parts.limits) };
    void this.#sweepForever(this.#stop.signal);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** What is drawn on the common bounds now, beyond what each connection has of its own. */
  get bytesHeld(): { readonly requests: number; readonly replies: number } {
    return { requests: this.#parts.requests.bytes, replies: this.#parts.replies.bytes };
  }

  /** The connection that serves `transport`, which must report its events to it; `undefined`: full, and `transport` was closed. */
  accept(transport: Transport): Connection | undefined {
    const address = peerGroup(transport.peer.address);
    if (this.#isClosing || !this.#hasPlace(address)) {
      const connections = this.#connections.size;
      this.#log.warn('nfs-connection-refused', { client: transport.peer.address, connections });
      transport.destroy();
      return undefined;
    }
    const connection = new Connection(this.#parts, transport);
    this.#connections.add(connection);
    this.#countByAddress.set(address, this.#countOf(address) + 1);
    void connection.whenClosed.then(() => this.#forget(connection));
    return connection;
  }

  /** Answers the calls in flight, up to the limit's time, and closes all connections. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const deadline = new AbortController();
    const finished = Promise.all([...this.#connections].map((connection) => connection.finish()));
    const late = this.#parts.clock
      .sleep(this.#parts.limits.closeMsMax, deadline.signal)
      .catch(() => undefined);
    await Promise.race([finished, late]);
    deadline.abort();
    for (const connection of this.#connections) connection.destroy();
    this.#stop.abort();
  }

  /** Where there are too many, the one that has been quiet longest gives way: its client, if it is one, comes back when it needs to. */
  #hasPlace(address: string): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#parts.limits;
    if (this.#countOf(address) >= connectionsPerAddressMax) return this.#makePlace(address);
    return this.#connections.size < connectionsMax || this.#makePlace(undefined);
  }

  /** Of one address, or of all. Whether it could. */
  #makePlace(address: string | undefined): boolean {
    const now = this.#parts.clock.monotonic();
    let quietMsMost = this.#parts.limits.quietMsMin;
    let quietest: Connection | undefined;
    for (const connection of this.#connections) {
      if (address !== undefined && connection.address !== address) continue;
      const quietMs = connection.quietMs(now);
      if (quietMs < quietMsMost) continue;
      quietMsMost = quietMs;
      quietest = connection;
    }
    if (quietest === undefined) return false;
    quietest.destroy();
    this.#forget(quietest);
    return true;
  }

  #countOf(address: string): number {
    return this.#countByAddress.get(address) ?? 0;
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const { address } = connection;
    const count = this.#countOf(address) - 1;
    if (count === 0) this.#countByAddress.delete(address);
    else this.#countByAddress.set(address, count);
  }

  /** Until the server closes. */
  async #sweepForever(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(sweepMs, signal).catch(() => undefined);
      const now = this.#parts.clock.monotonic();
      this.#log.sweep(now);
      for (const connection of this.#connections) connection.sweep(now);
    }
  }
}
