import type { Clock } from '../environment.ts';
import { SCRUB_REST_MS } from '../limits/tiering.ts';
import { Pace } from './pace.ts';
import { ScrubRound, type ScrubParts } from './scrub-all.ts';
import type { ScrubReport } from './tiers.ts';

interface Parts extends ScrubParts {
  readonly clock: Clock;
  /** Of the background, in bytes; 0 switches it off. */
  readonly bytesPerSecond: number;
}

/** Scrubs everything again and again, slowly, and at once when somebody asks. */
export class Scrubber {
  readonly #parts: Parts;
  readonly #pace: Pace;
  #background: ScrubRound;
  #restsUntil = -Infinity;
  #demanded: Promise<ScrubReport> | undefined;
  #last: ScrubReport | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.clock, parts.bytesPerSecond);
    this.#background = new ScrubRound(parts);
  }

  /** Of the last round that has ended. */
  get last(): ScrubReport | undefined {
    return this.#last;
  }

  /** One unit of the background, when it is time for it. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock, bytesPerSecond } = this.#parts;
    const isResting = clock.monotonic() < this.#restsUntil || this.#pace.waitMs() > 0;
    if (bytesPerSecond === 0 || isResting || this.#demanded !== undefined) return 'idle';
    const unit = await this.#background.next();
    if (unit === undefined) this.#endRound();
    else this.#pace.spend(unit.bytes);
    return 'busy';
  }

  /** A whole round now; who asks while one runs gets the report of that. `progress` hears of each step. */
  scrub(progress: (soFar: ScrubReport) => void): Promise<ScrubReport> {
    this.#demanded ??= this.#run(progress).finally(() => (this.#demanded = undefined));
    return this.#demanded;
  }

  /** The round of the background is given up: it looks at the same from the beginning afterwards. */
  async #run(progress: (soFar: ScrubReport) => void): Promise<ScrubReport> {
    for (const store of this.#parts.copies.lower.stores) await store.restartScrub();
    const round = new ScrubRound(this.#parts);
    for (let unit = await round.next(); unit !== undefined; unit = await round.next()) progress(round.soFar);
    this.#background = round;
    this.#endRound();
    return round.soFar;
  }

  #endRound(): void {
    this.#last = this.#background.soFar;
    this.#background = new ScrubRound(this.#parts);
    this.#restsUntil = this.#parts.clock.monotonic() + SCRUB_REST_MS;
  }
}
