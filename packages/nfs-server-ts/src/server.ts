import { Connection, type ConnectionParts } from './connection.ts';
import type { Transport } from './transport.ts';

/** The connections of one server, whatever carries them. */
export class RpcServer {
  readonly #parts: ConnectionParts;
  readonly #connections = new Set<Connection>();
  readonly #stop = new AbortController();
  #isClosing = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    void this.#sweepForever(this.#stop.signal);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The connection that serves `transport`, which must report its events to it; `undefined`: full, and `transport` was closed. */
  accept(transport: Transport): Connection | undefined {
    if (this.#isClosing || this.#connections.size >= this.#parts.limits.connectionsMax) {
      this.#parts.log.warn('nfs-connection-refused', {
        client: transport.peer.address,
        connections: this.#connections.size,
      });
      transport.destroy();
      return undefined;
    }
    const connection = new Connection(this.#parts, transport);
    this.#connections.add(connection);
    void connection.whenClosed.then(() => this.#connections.delete(connection));
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

  /** Until the server closes. */
  async #sweepForever(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(this.#parts.limits.stalledMsMax / 4, signal).catch(() => undefined);
      const now = this.#parts.clock.monotonic();
      for (const connection of this.#connections) connection.sweep(now);
    }
  }
}
