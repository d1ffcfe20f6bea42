import type { Peer } from './peer.ts';

/** One byte stream to one peer. TCP is one; a simulation brings its own. */
export interface Transport {
  /** Another one from when TLS has begun. */
  readonly peer: Peer;
  /** Whether TLS can be had, and whether it was begun. */
  readonly tls: 'off' | 'offered' | 'begun';
  /** Bytes that were sent and that the peer's side has not taken. */
  readonly bytesQueued: number;
  /** Sends in order. The bytes must not change afterwards. */
  send(parts: readonly Uint8Array[]): void;
  /** Sends what says yes to TLS and goes on in TLS: what is received from then on came through it. Only when `tls` is 'offered'. */
  startTls(reply: readonly Uint8Array[]): void;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

/** What a transport reports to the connection that it serves. */
export interface TransportEvents {
  /** The bytes must not change afterwards. May still come a few times after `pause`. */
  received(chunk: Uint8Array): void;
  /** The peer has taken some of what was queued. */
  drained(): void;
  /** The peer will send nothing more; it may still read. */
  ended(): void;
  /** Nothing more goes either way. */
  closed(): void;
}
