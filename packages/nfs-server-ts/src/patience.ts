import type { ServerLimits } from './limits.ts';

export interface Owed {
  /** The peer has begun a record and may go on with it. */
  readonly owesRecord: boolean;
  /** Replies wait for the peer to take them. */
  readonly owesReading: boolean;
  /** It holds what others wait for. */
  readonly isPressed: boolean;
  /** Calls are running: whatever else does not happen, it is not the peer's turn. */
  readonly isBusy: boolean;
  /** It was told that it is over. */
  readonly isFinishing: boolean;
  /** How many records it has begun so far. */
  readonly recordsBegun: number;
}

/** Event names of the log, but for 'idle', which is no fault of the peer. */
export type Exhausted = 'nfs-peer-stalled' | 'nfs-peer-too-slow' | 'idle';

/** How long one peer may take. All times are in milliseconds of one monotonic clock. */
export class Patience {
  readonly #limits: ServerLimits;
  /** When the peer last did what it owes: sent more of a record it began, took some of what was queued. */
  #progressAt: number;
  /** Since when it has been at the same record; looked at now and then, so it may be a little late, which is in the peer's favour. */
  #recordAt: number;
  #recordsSeen = 0;

  constructor(limits: ServerLimits, now: number) {
    this.#limits = limits;
    this.#progressAt = now;
    this.#recordAt = now;
  }

  get progressAt(): number {
    return this.#progressAt;
  }

  progress(now: number): void {
    this.#progressAt = now;
  }

  /** Whether, and how, the peer has used up its time. To be asked now and then. */
  exhausted(now: number, owed: Owed): Exhausted | undefined {
    const { owesRecord, owesReading, isPressed, recordsBegun } = owed;
    const limits = this.#limits;
    if (!owesRecord || recordsBegun !== this.#recordsSeen) this.#recordAt = now;
    this.#recordsSeen = recordsBegun;
    if (!owesRecord && !owesReading) return this.#isIdle(now, owed) ? 'idle' : undefined;
    const stalledMsMax = isPressed ? limits.stalledMsPressedMax : limits.stalledMsMax;
    if (now - this.#progressAt > stalledMsMax) return 'nfs-peer-stalled';
    const recordMsMax = isPressed ? limits.recordMsPressedMax : limits.recordMsMax;
    return now - this.#recordAt > recordMsMax ? 'nfs-peer-too-slow' : undefined;
  }

  #isIdle(now: number, { isBusy, isFinishing, recordsBegun }: Owed): boolean {
    if (isBusy) this.#progressAt = now;
    const { closeMsMax, firstCallMsMax, idleMsMax } = this.#limits;
    const quietMsMax = recordsBegun === 0 ? firstCallMsMax : idleMsMax;
    return now - this.#progressAt > (isFinishing ? closeMsMax : quietMsMax);
  }
}
