import assert from 'node:assert/strict';

/** Every bound of the server. Unit last. */
export interface ServerLimits {
  /** One call, all fragments together: the largest WRITE and its headers. */
  readonly recordBytesMax: number;
  /** Fragments of one record, empty ones counted. */
  readonly fragmentsMax: number;
  /** What a backend is asked for at most by one READ, READDIR or READDIRPLUS, whatever the client asks for. */
  readonly transferBytesMax: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** A connection that has been quiet for so long gives way when there are too many. */
  readonly quietMsMin: number;

  /** Of one connection. Beyond it the connection is not read from, so the peer is slowed, never cut off. */
  readonly callsInFlightMax: number;
  /** What a call in flight costs besides its bytes: promises, closures, decoded arguments. An estimate, on the safe side. */
  readonly callOverheadBytes: number;
  /** Of one connection: bytes of the calls in flight. May be exceeded by one record. */
  readonly callBytesInFlightMax: number;
  /** Of one connection: replies that the peer has not taken, and what the calls in flight ask for. May be exceeded by one READ. */
  readonly replyBytesQueuedMax: number;

  /** Received bytes that are held, with the overhead of calls in flight: of all connections; of those of one address. */
  readonly requestBytesMax: number;
  readonly requestBytesPerAddressMax: number;
  /** Replies queued and replies promised, likewise. */
  readonly replyBytesMax: number;
  readonly replyBytesPerAddressMax: number;
  /** Of received bytes, and of replies: what each connection has besides, so that small calls go on when the others take everything. */
  readonly ownBytesMax: number;

  /** How long a peer may go without a further byte of a record that it began, or without taking any more of queued replies. */
  readonly stalledMsMax: number;
  /** The same for a peer that holds what others wait for. */
  readonly stalledMsPressedMax: number;
  /** How long one record may take to come, however steadily it drips. */
  readonly recordMsMax: number;
  readonly recordMsPressedMax: number;
  /** How long a new connection may go without its first call. */
  readonly firstCallMsMax: number;
  /** How long a connection may go without a call. Clients come back by themselves; Linux leaves after five minutes. */
  readonly idleMsMax: number;
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
  /** Lines of one event in one window; what comes above it is counted. */
  readonly logLinesMax: number;
  readonly logWindowMs: number;
}

const MiB = 1_048_576;

/** At worst 384 MiB: 128 each for requests and replies, 128 KiB for each of 1,024 connections (its own bytes, and a chunk on the way). */
export const defaultLimits: ServerLimits = {
  recordBytesMax: MiB + 65_536,
  fragmentsMax: 4096,
  transferBytesMax: MiB,
  connectionsMax: 1024,
  connectionsPerAddressMax: 256,
  quietMsMin: 1_000,
  callsInFlightMax: 128,
  callOverheadBytes: 1024,
  callBytesInFlightMax: 16 * MiB,
  replyBytesQueuedMax: 8 * MiB,
  requestBytesMax: 128 * MiB,
  requestBytesPerAddressMax: 48 * MiB,
  replyBytesMax: 128 * MiB,
  replyBytesPerAddressMax: 48 * MiB,
  ownBytesMax: 32_768,
  stalledMsMax: 30_000,
  stalledMsPressedMax: 2_000,
  recordMsMax: 60_000,
  recordMsPressedMax: 10_000,
  firstCallMsMax: 30_000,
  idleMsMax: 600_000,
  closeMsMax: 5_000,
  replayEntriesMax: 4096,
  replayBytesMax: 4 * MiB,
  mountEntriesMax: 1024,
  udpCallBytesMax: 8192,
  udpCallsInFlightMax: 256,
  logLinesMax: 10,
  logWindowMs: 10_000,
};

/** Bounds that a single call could not come through would leave it waiting for ever. */
export function checkLimits(limits: ServerLimits): void {
  const { recordBytesMax, transferBytesMax, requestBytesPerAddressMax, replyBytesPerAddressMax } = limits;
  assert(recordBytesMax <= requestBytesPerAddressMax, 'the share of an address holds a record');
  assert(requestBytesPerAddressMax <= limits.requestBytesMax, 'a share is part of the whole');
  assert(replyBytesMin(transferBytesMax) <= replyBytesPerAddressMax, 'the share of an address holds a reply');
  assert(replyBytesPerAddressMax <= limits.replyBytesMax, 'a share is part of the whole');
}

/** The largest reply, with its headers, and the largest list of mounts or exports. */
const replyBytesMin = (transferBytesMax: number): number => 2 * Math.max(transferBytesMax, MiB);
