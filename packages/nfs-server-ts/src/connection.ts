import type { Dispatcher } from './dispatch.ts';
import type { Clock, Log } from './environment.ts';
import type { ServerLimits } from './limits.ts';
import { RecordReader } from './records.ts';
import type { Transport, TransportEvents } from './transport.ts';
import type { XdrReader } from './xdr.ts';

export interface ConnectionParts {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ServerLimits;
}

/**
 * One peer. Runs its calls concurrently and sends each reply when it is ready, in whatever order. A peer that asks for more than
 * its bounds is not read from until it is below them again; one that breaks record marking is cut off, alone.
 */
export class Connection implements TransportEvents {
  readonly #parts: ConnectionParts;
  readonly #transport: Transport;
  readonly #records: RecordReader;
  /** Resolves when nothing more goes either way. */
  readonly whenClosed: Promise<void>;
  #resolveClosed!: () => void;
  #callsInFlight = 0;
  #callBytesInFlight = 0;
  /** What the replies of running calls may hold. */
  #replyBytesPromised = 0;
  /** Decoded calls whose replies find no room yet; at most as many as may be in flight. */
  readonly #withoutRoom: { readonly replyBytes: number; readonly go: () => void }[] = [];
  #state: 'open' | 'finishing' | 'closed' = 'open';
  #isInputEnded = false;
  #isPaused = false;
  /** When the peer last did what it owes: sent more of a record it began, took some of what was queued. */
  #progressAt: number;

  constructor(parts: ConnectionParts, transport: Transport) {
    this.#parts = parts;
    this.#transport = transport;
    this.#records = new RecordReader(parts.limits);
    this.#progressAt = parts.clock.monotonic();
    this.whenClosed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  received(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#progressAt = this.#parts.clock.monotonic();
    this.#records.push(chunk);
    this.#pump();
  }

  drained(): void {
    this.#progressAt = this.#parts.clock.monotonic();
    this.#giveRoom();
    this.#pump();
  }

  ended(): void {
    this.#isInputEnded = true;
    this.#endIfIdle();
  }

  closed(): void {
    this.#state = 'closed';
    this.#resolveClosed();
  }

  /** Takes no more calls; closes when those in flight are answered and sent. Resolves when closed. */
  finish(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'finishing';
      this.#transport.pause();
      this.#endIfIdle();
    }
    return this.whenClosed;
  }

  destroy(): void {
    this.#state = 'closed';
    this.#transport.destroy();
  }

  /** Cuts off a peer that has stopped in the middle of a record or of taking replies. Its own slowness is not held against it. */
  sweep(now: number): void {
    const owesRecord = !this.#isPaused && this.#records.isInside;
    const owesReading = this.#transport.bytesQueued > 0;
    if (!owesRecord && !owesReading) this.#progressAt = now;
    if (now - this.#progressAt <= this.#parts.limits.stalledMsMax) return;
    this.#cutOff('nfs-peer-stalled', undefined);
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
    this.#adjustReading();
  }

  #isFull(): boolean {
    const { callsInFlightMax, callBytesInFlightMax, replyBytesQueuedMax } = this.#parts.limits;
    return (
      this.#callsInFlight >= callsInFlightMax ||
      this.#callBytesInFlight >= callBytesInFlightMax ||
      this.#transport.bytesQueued >= replyBytesQueuedMax
    );
  }

  #adjustReading(): void {
    const pause = this.#isFull();
    if (pause === this.#isPaused || this.#state !== 'open') return;
    this.#isPaused = pause;
    if (pause) this.#transport.pause();
    else {
      this.#progressAt = this.#parts.clock.monotonic();
      this.#transport.resume();
    }
  }

  #serve(record: XdrReader): void {
    const { length } = record;
    this.#callsInFlight += 1;
    this.#callBytesInFlight += length;
    let promised = 0;
    const makeRoom = async (replyBytes: number): Promise<void> => {
      await this.#room(replyBytes);
      promised = replyBytes;
    };
    this.#parts.dispatcher.answer(record, this.#transport.peer, makeRoom).then(
      (parts) => {
        this.#callsInFlight -= 1;
        this.#callBytesInFlight -= length;
        this.#replyBytesPromised -= promised;
        if (this.#state === 'closed') return;
        if (this.#transport.bytesQueued === 0) this.#progressAt = this.#parts.clock.monotonic();
        this.#transport.send(parts);
        this.#giveRoom();
        if (this.#isPaused) this.#pump();
        this.#endIfIdle();
      },
      (failure: unknown) => {
        this.#callsInFlight -= 1;
        this.#callBytesInFlight -= length;
        this.#cutOff('nfs-bad-record', failure);
      },
    );
  }

  /** Replies that are queued or may come are bounded together: a peer that asks for much and reads nothing costs no more. */
  #hasRoom(replyBytes: number): boolean {
    const held = this.#replyBytesPromised + this.#transport.bytesQueued;
    return held === 0 || held + replyBytes <= this.#parts.limits.replyBytesQueuedMax;
  }

  /** In the order of the calls; never resolves when the connection is cut off first. */
  async #room(replyBytes: number): Promise<void> {
    if (this.#withoutRoom.length === 0 && this.#hasRoom(replyBytes)) this.#replyBytesPromised += replyBytes;
    else await new Promise<void>((go) => this.#withoutRoom.push({ replyBytes, go }));
  }

  #giveRoom(): void {
    for (
      let next = this.#withoutRoom[0];
      next !== undefined && this.#hasRoom(next.replyBytes);
      next = this.#withoutRoom[0]
    ) {
      this.#withoutRoom.shift();
      this.#replyBytesPromised += next.replyBytes;
      next.go();
    }
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
