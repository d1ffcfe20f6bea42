import type { Environment } from '../environment.ts';
import { CLASS_PASS_MS_MIN, CLASS_PASS_REST_FACTOR } from '../limits/storage-policy.ts';
import type { Ino, ObjectStore } from '../namespace/namespace.ts';
import { tiers as allTiers, type Tier } from '../tiering/tier.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { isDue } from './assess.ts';
import { classTierOf } from './class-tier.ts';
import { Orders, type Ended } from './orders.ts';
import { Passes } from './passes.ts';
import { nearest } from './placement.ts';
import type { StoragePolicies } from './policies.ts';
import { slicesOf, surveyPages, type SurveyParts } from './survey.ts';

interface ClassJobParts extends SurveyParts {
  readonly objects: SurveyParts['objects'] & Pick<ObjectStore, 'buckets'>;
  readonly tiers: Pick<Tiers, 'placesOf' | 'migrate' | 'present' | 'takesBack'>;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
  readonly policies: Pick<StoragePolicies, 'about'>;
  readonly isAttached: (bucket: Ino) => boolean;
}

/**
 * Moves objects whose storage class stands for a tier to that tier, as a step of the scheduler; those that a policy is about are
 * that job's. The class in the object is the order: nothing else remembers it, so that no crash can lose it. Of a bucket that shows
 * what lies in one of others it is none: they gave it, and what is theirs is not copied for it.
 */
export class ClassJob {
  readonly #parts: ClassJobParts;
  readonly #passes: Passes;

  constructor(parts: ClassJobParts) {
    this.#parts = parts;
    this.#passes = new Passes({
      clock: parts.environment.clock,
      pass: () => this.#all(),
      restMsMin: CLASS_PASS_MS_MIN,
      restFactor: CLASS_PASS_REST_FACTOR,
    });
  }

  get passes(): number {
    return this.#passes.done;
  }

  /** One bounded unit. Where all content is hot there is never any. */
  step(): Promise<'busy' | 'idle'> {
    return this.#parts.tiers.present.length > 1 ? this.#passes.step() : Promise.resolve('idle');
  }

  async *#all(): AsyncGenerator<undefined, void> {
    const { objects, isAttached } = this.#parts;
    for (const { name, ino } of await objects.buckets()) if (!isAttached(ino)) yield* this.#bucket(name);
  }

  async *#bucket(bucket: string): AsyncGenerator<undefined, void> {
    const { policies, tiers } = this.#parts;
    const orders = this.#orders();
    for await (const page of surveyPages(this.#parts, { bucket, prefix: new Uint8Array(0) })) {
      for (const seen of page) {
        const named = classTierOf(seen.found.facet.storageClass);
        if (named === undefined || policies.about(bucket, seen.key) !== undefined) continue;
        const tier = nearest(allTiers, tiers.present, named);
        for await (const { blobs } of slicesOf(this.#parts, bucket, seen))
          await orders[tier].add(blobs.filter((blob) => isDue(tiers, blob, tier)));
      }
      yield;
    }
    for (const tier of allTiers) await orders[tier].flush();
    yield;
  }

  #orders(): Readonly<Record<Tier, Orders>> {
    const { environment, tiers } = this.#parts;
    const ended: Ended = ({ outcome, error, to }) => {
      if (outcome === 'failed') environment.log.warn('storage class: a move failed', { to, error });
    };
    const ordersTo = (to: Tier): Orders => new Orders(tiers, { to, trigger: 'policy' }, ended);
    return { hot: ordersTo('hot'), warm: ordersTo('warm'), cold: ordersTo('cold') };
  }
}
