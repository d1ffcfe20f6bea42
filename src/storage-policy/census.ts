import type { Clock, Time } from '../environment.ts';
import { CENSUS_NOW_SLICES_MAX, CENSUS_REST_MS, CENSUS_STEP_SLICES } from '../limits/storage-policy.ts';
import type { Bucket, ObjectStore } from '../namespace/namespace.ts';
import type { Tier } from '../tiering/tier.ts';
import type { TierShare } from './report.ts';
import { survey, type Slice, type SurveyParts } from './survey.ts';

export interface Census {
  /** By the tier that answers reads of most of the bytes of an object; bytes by the tier that answers reads of them. */
  readonly tiers: Readonly<Record<Tier, TierShare>>;
  /** False: there is more than was looked at, and it is being counted. */
  readonly isWhole: boolean;
  /** When the count began. */
  readonly countedAt: Time;
}

interface Parts extends SurveyParts {
  readonly objects: SurveyParts['objects'] & Pick<ObjectStore, 'buckets'>;
  readonly environment: { readonly clock: Clock };
}

/** A count under way, of which a step looks at some slices. */
interface Pass {
  readonly slices: AsyncGenerator<Slice, void>;
  readonly counted: Counted;
  readonly begunAt: number;
}

interface Counted extends Census {
  readonly tiers: Record<Tier, { objects: number; bytes: number }>;
  slices: number;
}

/**
 * All objects, old versions included, and what they hold, by tier: counted when somebody asks. A few are counted at once, so
 * that the answer is of this moment; many in the background, to the last one, and the answer is the last whole count.
 */
export class CensusTaker {
  readonly #parts: Parts;
  readonly #nowMax: number;
  #last: Counted | undefined;
  #pass: Pass | undefined;
  #isWanted = false;
  #restUntil = -Infinity;

  constructor(parts: Parts, nowMax = CENSUS_NOW_SLICES_MAX) {
    this.#parts = parts;
    this.#nowMax = nowMax;
  }

  async now(): Promise<Census> {
    const last = this.#last;
    if (last === undefined || last.slices <= this.#nowMax) {
      const { slices, counted } = this.#begun();
      const isWhole = await count(slices, counted, this.#nowMax);
      if (isWhole || last === undefined) {
        this.#isWanted = !isWhole;
        return { ...counted, isWhole };
      }
    }
    this.#isWanted = true;
    return last;
  }

  /** Some slices of a pass, when somebody has asked and the last one is not of late. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#parts.environment;
    if (this.#pass === undefined) {
      if (!this.#isWanted || clock.monotonic() < this.#restUntil) return 'idle';
      this.#isWanted = false;
      this.#pass = this.#begun();
    }
    const { slices, counted, begunAt } = this.#pass;
    if (!(await count(slices, counted, counted.slices + CENSUS_STEP_SLICES))) return 'busy';
    this.#pass = undefined;
    this.#last = counted;
    const now = clock.monotonic();
    // However large the store is, counting takes a small part of the time.
    this.#restUntil = now + Math.max(CENSUS_REST_MS, 10 * (now - begunAt));
    return 'idle';
  }

  #begun(): Pass {
    const { clock } = this.#parts.environment;
    const tiers = { hot: empty(), warm: empty(), cold: empty() };
    const counted = { tiers, isWhole: true, countedAt: clock.wall(), slices: 0 };
    return { slices: this.#slices(), counted, begunAt: clock.monotonic() };
  }

  async *#slices(): AsyncGenerator<Slice, void> {
    const buckets: readonly Pick<Bucket, 'name'>[] = await this.#parts.objects.buckets();
    for (const { name } of buckets) yield* survey(this.#parts, { bucket: name, prefix: new Uint8Array(0) });
  }
}

/** Goes on until so many were counted in all; true at the end. */
async function count(
  slices: AsyncGenerator<Slice, void>,
  counted: Counted,
  slicesMax: number,
): Promise<boolean> {
  while (counted.slices < slicesMax) {
    const { value, done } = await slices.next();
    if (done === true) return true;
    counted.slices += 1;
    if (value.index === 0) counted.tiers[value.at].objects += 1;
    for (const { length, tiers: places } of value.blobs) {
      if (places[0] !== undefined) counted.tiers[places[0]].bytes += length;
    }
  }
  return false;
}

const empty = (): { objects: number; bytes: number } => ({ objects: 0, bytes: 0 });
