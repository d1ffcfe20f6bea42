import type { BytePool, Share } from './byte-pool.ts';
import type { Dispatcher, Outgoing } from './dispatch.ts';
import type { Clock, Log } from './environment.ts';
import type { ServerLimits } from './limits.ts';
import { Patience } from './patience.ts';
import { peerGroup } from './peer-address.ts';
import { RecordReader, type Received } from './records.ts';
import { readTlsProbe, startTlsReply } from './tls.ts';
import type { Transport, TransportEvents } from './transport.ts';

export interface ConnectionParts {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ServerLimits;
  /** Bytes received, and overhead of calls in flight. */
  readonly requests: BytePool;
  /** Bytes of replies, queued and promised. */
  readonly replies: BytePool;
  /** Gives back memory that came from the transport and that nobody looks at any more; absent: the collector does. */
  readonly freeArrays?: ((arrays: readonly Uint8Array[]) => void) | undefined;
}

/**
 * One peer. Runs its calls concurrently and sends each reply when it is ready, in whatever order. A peer that asks for more than
 * its bounds, or while all peers together hold more than theirs, is not read from until there is room again; one that breaks record
 * marking or keeps others waiting is cut off, alone.
 *
 * Nothing waits in a circle: a record under way waits for its peer, who has a time limit; a call waits for room for its reply; a
 * reply waits for its peer, who has a time limit. Requests and replies are two pools, and each record or reply takes its room at once.
 */
export class Connection implements TransportEvents {
  readonly #parts: ConnectionParts;
  readonly #transport: Transport;
  readonly #records: RecordReader;
  readonly #requests: Share;
  readonly #replies: Share;
  readonly #patience: Patience;
  /** Whom its bytes are counted for: see `peerGroup`. */
  readonly address: string;
  /** Resolves when nothing more goes either way. */
  readonly whenClosed: Promise<void>;
  #resolveClosed!: () => void;
  #callsInFlight = 0;
  #callBytesInFlight = 0;
  /** What the replies of running calls may hold. */
  #replyBytesPromised = 0;
  /** Decoded calls whose replies find no room yet; at most as many as may be in flight. */
  readonly #withoutRoom: { readonly replyBytes: number; readonly go: (isThere: boolean) => void }[] = [];
  #state: 'open' | 'finishing' | 'closed' = 'open';
  #isInputEnded = false;
  #isPaused = false;

  constructor(parts: ConnectionParts, transport: Transport) {
    this.#parts = parts;
    this.#transport = transport;
    this.address = peerGroup(transport.peer.address);
    this.#requests = parts.requests.open(this.address);
    this.#replies = parts.replies.open(this.address);
    const mayHold = (bytes: number): boolean => {
      this.#account();
      return this.#requests.fits(bytes);
    };
    this.#records = new RecordReader(parts.limits, mayHold, parts.freeArrays);
    this.#patience = new Patience(parts.limits, parts.clock.monotonic());
    this.whenClosed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  received(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#patience.progress(this.#parts.clock.monotonic());
    this.#records.push(chunk);
    this.#pump();
  }

  drained(): void {
    this.#patience.progress(this.#parts.clock.monotonic());
    this.#account();
    this.#giveRoom();
    this.#pump();
  }

  ended(): void {
    this.#isInputEnded = true;
    this.#endIfIdle();
  }

  closed(): void {
    this.#state = 'closed';
    this.#records.discard();
    for (const { go } of this.#withoutRoom.splice(0)) go(false);
    this.#giveBack();
    this.#resolveClosed();
  }

  /** Takes no more calls; closes when those in flight are answered and sent. Resolves when closed. */
  finish(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'finishing';
      this.#patience.progress(this.#parts.clock.monotonic());
      this.#transport.pause();
      this.#endIfIdle();
    }
    return this.whenClosed;
  }

  destroy(): void {
    this.#state = 'closed';
    this.#transport.destroy();
  }

  /** For how long there has been nothing to do for this peer, in milliseconds; 0 while there is. */
  quietMs(now: number): number {
    const isQuiet = this.#callsInFlight === 0 && this.#transport.bytesQueued === 0 && !this.#records.isInside;
    return isQuiet ? now - this.#patience.progressAt : 0;
  }

  /** Cuts off a peer that has run out of its time. Its server's own slowness is not held against it. */
  sweep(now: number): void {
    if (this.#state === 'closed') return;
    const why = this.#patience.exhausted(now, {
      owesRecord: !this.#isPaused && this.#records.isInside,
      owesReading: this.#transport.bytesQueued > 0,
      isPressed: this.#requests.isWanted || this.#replies.isWanted,
      isBusy: this.#callsInFlight > 0,
      isFinishing: this.#state === 'finishing',
      recordsBegun: this.#records.recordsBegun,
    });
    if (why === 'idle') this.#leave();
    else if (why !== undefined) this.#cutOff(why, undefined);
  }

  #leave(): void {
    if (this.#state === 'open') void this.finish();
    // Whoever was told that it is over and does not hang up.
    else this.destroy();
  }

  #pump(): void {
    try {
      while (this.#state === 'open' && !this.#isFull()) {
        const record = this.#records.next();
        if (record === undefined) break;
        this.#serve(record);
      }
    } catch (failure) {
      this.#cutOff('nfs-bad-record', failure);
      return;
    }
    this.#account();
    const { bytesWanted } = this.#records;
    // When it is full, its own calls and replies come first: they wake it when they end.
    if (bytesWanted > 0 && !this.#isFull()) this.#requests.wait(bytesWanted, () => this.#pump());
    else this.#requests.waitNoMore();
    this.#adjustReading();
  }

  /** What the calls of a closed connection hold is counted until the last of them has ended. */
  #giveBack(): void {
    this.#account();
    if (this.#callsInFlight > 0) return;
    this.#requests.close();
    this.#replies.close();
  }

  /** Says to the pools what is held. */
  #account(): void {
    const overhead = this.#callsInFlight * this.#parts.limits.callOverheadBytes;
    this.#requests.hold(this.#records.bytesHeld + overhead);
    this.#replies.hold(this.#replyBytesPromised + this.#transport.bytesQueued);
  }

  #isFull(): boolean {
    const { callsInFlightMax, callBytesInFlightMax, replyBytesQueuedMax } = this.#parts.limits;
    return (
      this.#callsInFlight >= callsInFlightMax ||
      this.#callBytesInFlight >= callBytesInFlightMax ||
      this.#transport.bytesQueued >= replyBytesQueuedMax ||
      this.#replies.isOver ||
      (this.#requests.isOver && this.#callsInFlight > 0)
    );
  }

  #adjustReading(): void {
    if (this.#state !== 'open') return;
    const isShort = this.#records.bytesWanted > 0 || (this.#requests.isOver && !this.#records.isFilling);
    const pause = isShort || this.#isFull();
    if (pause === this.#isPaused) return;
    this.#isPaused = pause;
    if (pause) this.#transport.pause();
    else {
      this.#patience.progress(this.#parts.clock.monotonic());
      this.#transport.resume();
    }
  }

  #serve(record: Received): void {
    const { message } = record;
    const probe = this.#transport.tls === 'off' ? undefined : readTlsProbe(message);
    if (probe !== undefined) {
      this.#records.release(record);
      this.#startTls(probe);
      return;
    }
    const { length } = message;
    this.#callsInFlight += 1;
    this.#callBytesInFlight += length;
    this.#account();
    let promised = 0;
    const makeRoom = async (replyBytes: number): Promise<boolean> => {
      const isThere = await this.#room(replyBytes);
      if (isThere) promised = replyBytes;
      return isThere;
    };
    const answered = (): void => {
      this.#callsInFlight -= 1;
      this.#callBytesInFlight -= length;
      this.#replyBytesPromised -= promised;
      this.#records.release(record);
      if (this.#state === 'closed') this.#giveBack();
    };
    this.#parts.dispatcher.answer(message, this.#transport.peer, makeRoom).then(
      (outgoing) => {
        answered();
        this.#reply(outgoing);
      },
      (failure: unknown) => {
        answered();
        this.#cutOff('nfs-bad-record', failure);
      },
    );
  }

  /**
   * RFC 9289 §4.1: whoever asks for TLS after it has sent anything else, or has TLS, gets no answer. What was sent behind
   * the question is in clear text and must not be taken for what comes through TLS.
   */
  #startTls(xid: number): void {
    if (this.#transport.tls !== 'offered' || this.#records.recordsBegun !== 1) return;
    if (this.#records.isInside)
      this.#cutOff('nfs-tls-refused', new Error('clear text behind the request for TLS'));
    else this.#transport.startTls(startTlsReply(xid));
  }

  #reply({ parts, whenSent }: Outgoing): void {
    if (this.#state === 'closed') return whenSent?.();
    if (this.#transport.bytesQueued === 0) this.#patience.progress(this.#parts.clock.monotonic());
    this.#transport.send(parts, whenSent);
    this.#account();
    this.#giveRoom();
    if (this.#isPaused) this.#pump();
    this.#endIfIdle();
  }

  /** Replies that are queued or may come are bounded together: a peer that asks for much and reads nothing costs no more. */
  #hasRoom(replyBytes: number): boolean {
    const held = this.#replyBytesPromised + this.#transport.bytesQueued;
    const isWithin = held === 0 || held + replyBytes <= this.#parts.limits.replyBytesQueuedMax;
    return isWithin && this.#replies.fits(replyBytes);
  }

  /** In the order of the calls; `false` when the connection is closed first. */
  async #room(replyBytes: number): Promise<boolean> {
    if (this.#state === 'closed') return false;
    if (this.#withoutRoom.length === 0 && this.#hasRoom(replyBytes)) {
      this.#promise(replyBytes);
      return true;
    }
    return new Promise((go) => {
      this.#withoutRoom.push({ replyBytes, go });
      if (this.#withoutRoom.length === 1) this.#waitForRoom();
    });
  }

  #promise(replyBytes: number): void {
    this.#replyBytesPromised += replyBytes;
    this.#account();
  }

  #giveRoom(): void {
    if (this.#state === 'closed') return;
    for (
      let next = this.#withoutRoom[0];
      next !== undefined && this.#hasRoom(next.replyBytes);
      next = this.#withoutRoom[0]
    ) {
      this.#withoutRoom.shift();
      this.#promise(next.replyBytes);
      next.go(true);
    }
    this.#waitForRoom();
  }

  /** Only for room that others give back: its own replies being taken is an event of its own. */
  #waitForRoom(): void {
    const first = this.#withoutRoom[0];
    if (first === undefined || this.#replies.fits(first.replyBytes)) this.#replies.waitNoMore();
    else this.#replies.wait(first.replyBytes, () => this.#giveRoom());
  }

  #endIfIdle(): void {
    const takesNoMore = this.#state === 'finishing' || (this.#state === 'open' && this.#isInputEnded);
    if (takesNoMore && this.#callsInFlight === 0) this.#transport.end();
  }

  #cutOff(event: string, failure: unknown): void {
    if (this.#state === 'closed') return;
    const reason = failure instanceof Error ? failure.message : undefined;
    this.#parts.log.warn(event, { client: this.#transport.peer.address, reason });
    this.destroy();
  }
}
