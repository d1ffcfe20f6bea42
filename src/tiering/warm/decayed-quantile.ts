/** How far a sample moves the estimate, as a share of it. */
const STEP = 0.1;

/**
 * An estimate of a quantile of recent samples in one number: each sample above it raises it, each below lowers it, in the
 * proportion at which both balance where the quantile is. Bounded, so that it finds back from any time of trouble.
 */
export class DecayedQuantile {
  readonly #quantile: number;
  readonly #min: number;
  readonly #max: number;
  #value: number;

  constructor(
    quantile: number,
    bounds: { readonly min: number; readonly max: number; readonly first: number },
  ) {
    this.#quantile = quantile;
    this.#min = bounds.min;
    this.#max = bounds.max;
    this.#value = bounds.first;
  }

  get value(): number {
    return this.#value;
  }

  record(sample: number): void {
    const factor = sample > this.#value ? 1 + STEP * this.#quantile : 1 - STEP * (1 - this.#quantile);
    this.#value = Math.min(this.#max, Math.max(this.#min, this.#value * factor));
  }
}
