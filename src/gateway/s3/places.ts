import type { Socket } from 'node:net';
import type { Clock, Log } from '../../environment.ts';
import { CONNECTION_QUIET_MS_MIN, CONNECTIONS_REFUSED_LOG_MS } from '../../limits.ts';

export interface PlacesOptions {
  readonly connectionsMax: number;
  readonly connectionsPerPeerMax: number;
  /** Whom a connection from an address is counted for. */
  readonly groupOf: (address: string) => string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Place {
  readonly peer: string;
  /** `undefined` while a request is under way. */
  quietSince: number | undefined;
}

/**
 * The connections that there are, in all and for each peer. Where there are too many, the one that has waited longest for its next
 * request gives way, as it would have at the end of its keep-alive time: clients send such a request again on another connection.
 */
export class Places {
  readonly #options: PlacesOptions;
  readonly #places = new Map<Socket, Place>();
  readonly #countByPeer = new Map<string, number>();
  #refused = 0;
  #loggedAt = -Infinity;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#places.size;
  }

  sockets(): Iterable<Socket> {
    return this.#places.keys();
  }

  has(socket: Socket): boolean {
    return this.#places.has(socket);
  }

  peerOf(socket: Socket): string {
    return this.#places.get(socket)?.peer ?? '';
  }

  /** Whether it may stay. */
  take(socket: Socket): boolean {
    const peer = this.#options.groupOf(socket.remoteAddress ?? '');
    if (!this.#hasPlace(peer)) {
      this.#refuse(peer);
      return false;
    }
    this.#places.set(socket, { peer, quietSince: this.#options.clock.monotonic() });
    this.#countByPeer.set(peer, this.#countOf(peer) + 1);
    socket.once('close', () => this.#leave(socket));
    return true;
  }

  busy(socket: Socket): void {
    const place = this.#places.get(socket);
    if (place !== undefined) place.quietSince = undefined;
  }

  quiet(socket: Socket): void {
    const place = this.#places.get(socket);
    if (place !== undefined) place.quietSince = this.#options.clock.monotonic();
  }

  #hasPlace(peer: string): boolean {
    const { connectionsMax, connectionsPerPeerMax } = this.#options;
    if (this.#countOf(peer) >= connectionsPerPeerMax) return this.#makePlace(peer);
    return this.#places.size < connectionsMax || this.#makePlace(undefined);
  }

  /** Of one peer, or of all. Whether it could. */
  #makePlace(peer: string | undefined): boolean {
    let quietSince = this.#options.clock.monotonic() - CONNECTION_QUIET_MS_MIN;
    let quietest: Socket | undefined;
    for (const [socket, place] of this.#places) {
      if (peer !== undefined && place.peer !== peer) continue;
      if (place.quietSince === undefined || place.quietSince > quietSince) continue;
      ({ quietSince } = place);
      quietest = socket;
    }
    if (quietest === undefined) return false;
    quietest.destroy();
    this.#leave(quietest);
    return true;
  }

  #countOf(peer: string): number {
    return this.#countByPeer.get(peer) ?? 0;
  }

  #leave(socket: Socket): void {
    const place = this.#places.get(socket);
    if (place === undefined) return;
    this.#places.delete(socket);
    const left = this.#countOf(place.peer) - 1;
    if (left === 0) this.#countByPeer.delete(place.peer);
    else this.#countByPeer.set(place.peer, left);
  }

  /** Peers decide how often it happens: a line now and then says how often it has. */
  #refuse(peer: string): void {
    this.#refused += 1;
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    if (now - this.#loggedAt < CONNECTIONS_REFUSED_LOG_MS) return;
    log.warn('s3.connections.refused', { peer, count: this.#refused, connections: this.count });
    this.#loggedAt = now;
    this.#refused = 0;
  }
}
