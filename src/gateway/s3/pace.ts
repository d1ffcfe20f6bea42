/** Milliseconds, and bytes per second. */
export interface PaceLimits {
  /** How long a client is watched before it is judged. */
  readonly windowMs: number;
  readonly bytesPerSecondMin: number;
}

/**
 * How fast a client sends or takes a body while it is its turn. One that sends a byte just before every time-out would otherwise
 * hold what its request holds for as long as it likes.
 */
export class Pace {
  readonly #limits: PaceLimits;
  #bytes = 0;
  /** How long it has been the client's turn in this window. */
  #turnMs = 0;
  #lookedAt: number;

  constructor(limits: PaceLimits, now: number) {
    this.#limits = limits;
    this.#lookedAt = now;
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether it has been too slow; to be asked now and then. `isItsTurn`: we have waited for the client since the last look. */
  isTooSlow(now: number, isItsTurn: boolean): boolean {
    if (isItsTurn) this.#turnMs += now - this.#lookedAt;
    this.#lookedAt = now;
    const { windowMs, bytesPerSecondMin } = this.#limits;
    if (this.#turnMs < windowMs) return false;
    const isSlow = this.#bytes * 1000 < bytesPerSecondMin * this.#turnMs;
    this.#turnMs = 0;
    this.#bytes = 0;
    return isSlow;
  }
}
