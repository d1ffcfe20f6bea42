/** Every bound of the server. Unit last. */
export interface ServerLimits {
  /** One call, all fragments together: the largest WRITE and its headers. */
  readonly recordBytesMax: number;
  /** Fragments of one record, empty ones counted. */
  readonly fragmentsMax: number;
  readonly connectionsMax: number;
  /** Of one connection. Beyond it the connection is not read from, so the peer is slowed, never cut off. */
  readonly callsInFlightMax: number;
  /** Of one connection: bytes of the calls in flight. May be exceeded by one record. */
  readonly callBytesInFlightMax: number;
  /** Of one connection: replies that the peer has not taken, and what the calls in flight ask for. May be exceeded by one READ. */
  readonly replyBytesQueuedMax: number;
  /** How long a peer may leave a record unfinished, or a queued reply untaken. */
  readonly stalledMsMax: number;
  /** How long `close` waits for calls in flight and for peers to take their replies. */
  readonly closeMsMax: number;
  /** Replies of non-idempotent calls that are kept for retransmissions. */
  readonly replayEntriesMax: number;
  readonly replayBytesMax: number;
  /** Lines of the list of mounts that DUMP shows. */
  readonly mountEntriesMax: number;
  /** One datagram that is a call, all of it; longer ones are dropped. */
  readonly udpCallBytesMax: number;
  /** Of all peers together; beyond it datagrams are dropped. */
  readonly udpCallsInFlightMax: number;
}

export const defaultLimits: ServerLimits = {
  recordBytesMax: 1_048_576 + 65_536,
  fragmentsMax: 4096,
  connectionsMax: 1024,
  callsInFlightMax: 128,
  callBytesInFlightMax: 16 * 1_048_576,
  replyBytesQueuedMax: 8 * 1_048_576,
  stalledMsMax: 30_000,
  closeMsMax: 5_000,
  replayEntriesMax: 4096,
  replayBytesMax: 4 * 1_048_576,
  mountEntriesMax: 1024,
  udpCallBytesMax: 8192,
  udpCallsInFlightMax: 256,
};
