import type { Environment } from '../environment.ts';
import { POLICY_PASS_MS_MIN, POLICY_PASS_REST_FACTOR, POLICY_STEP_SLICES } from '../limits/storage-policy.ts';
import { tiers as allTiers, type Tier } from '../tiering/tier.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { assessments, type AssessmentsParts } from './assessments.ts';
import { Orders, type Ended } from './orders.ts';
import { Passes } from './passes.ts';
import type { StoragePolicy } from './policy.ts';
import { Tally, type PolicyReport } from './report.ts';

export interface PolicyJobParts extends AssessmentsParts {
  readonly tiers: Pick<Tiers, 'placesOf' | 'migrate'>;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
}

/**
 * Moves the objects of all policies to where they belong, as a step of the scheduler. A pass looks at everything once; the next
 * begins a while after it, or when a policy changes.
 */
export class PolicyJob {
  readonly #parts: PolicyJobParts;
  readonly #reports = new Map<string, PolicyReport>();
  readonly #passes: Passes;

  constructor(parts: PolicyJobParts) {
    this.#parts = parts;
    this.#passes = new Passes({
      clock: parts.environment.clock,
      pass: () => this.#all(),
      restMsMin: POLICY_PASS_MS_MIN,
      restFactor: POLICY_PASS_REST_FACTOR,
    });
  }

  /** A policy is another one now: there is to be a pass soon. */
  changed(): void {
    this.#passes.hurry();
  }

  /** Of the last pass that came to its end; `undefined` before the first. */
  report(policy: string): PolicyReport | undefined {
    return this.#reports.get(policy);
  }

  /** Passes over all policies that came to their end. */
  get passes(): number {
    return this.#passes.done;
  }

  /** One bounded unit. */
  step(): Promise<'busy' | 'idle'> {
    return this.#passes.step();
  }

  async *#all(): AsyncGenerator<undefined, void> {
    const { policies, scores } = this.#parts;
    const names = new Set(policies.list().map(({ policy }) => policy.name));
    for (const name of this.#reports.keys()) if (!names.has(name)) this.#reports.delete(name);
    for (const name of scores.unanswered()) if (!names.has(name)) scores.forget(name);
    for (const { policy } of policies.list()) yield* this.#one(policy);
  }

  async *#one(policy: StoragePolicy): AsyncGenerator<undefined, void> {
    const tally = new Tally(policy);
    const orders = this.#ordersOf(policy);
    let seen = 0;
    for await (const assessment of assessments(this.#parts, policy)) {
      if (assessment !== undefined) {
        tally.add(assessment);
        const { due, placement, slice } = assessment;
        if (due.length > 0) await orders[placement.tier].add(due, slice.attributes.size >= policy.ecBytesMin);
      }
      seen += 1;
      if (seen % POLICY_STEP_SLICES === 0) yield;
    }
    for (const tier of allTiers) await orders[tier].flush();
    this.#reports.set(policy.name, tally.report(this.#parts.environment.clock.wall()));
    yield;
  }

  #ordersOf({ name: policy }: StoragePolicy): Readonly<Record<Tier, Orders>> {
    const { assessor, environment, tiers } = this.#parts;
    const ended: Ended = ({ outcome, error, to }, blobs) => {
      if (outcome === 'completed') assessor.moved(blobs);
      else environment.log.warn('storage policy: a move failed', { policy, to, error });
    };
    const ordersTo = (to: Tier): Orders => new Orders(tiers, { to, trigger: 'policy', policy }, ended);
    return { hot: ordersTo('hot'), warm: ordersTo('warm'), cold: ordersTo('cold') };
  }
}
