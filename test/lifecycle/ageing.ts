import type { LifecycleDocument, RuleElement } from '../../src/lifecycle/document.ts';
import { LifecycleJob, type LifecycleJobParts } from '../../src/lifecycle/job.ts';
import { RuleBook } from '../../src/lifecycle/rule-book.ts';
import type { Bucket, ObjectStore } from '../../src/namespace/namespace.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, listed, openWorld, s3, silent, type World } from '../namespace/world.ts';

const SECONDS_PER_DAY = 10;

/** A bucket whose rules count days of ten seconds, and the job that carries them out. */
export interface Ageing {
  readonly world: World;
  readonly bucket: Bucket;
  readonly job: LifecycleJob;
  readonly outcomes: string[];
  /** Replaces the rules without telling the job. */
  readonly configure: (...rules: readonly Partial<RuleElement>[]) => Promise<void>;
  /** Lets days of the rules go by. */
  readonly age: (days: number) => void;
  /** One pass, as at the start of a gateway. */
  readonly pass: () => Promise<void>;
}

export async function openAgeing(
  wrapped: (objects: ObjectStore) => ObjectStore = (it) => it,
): Promise<Ageing> {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(s3, 'ageing');
  const outcomes: string[] = [];
  const parts: LifecycleJobParts = {
    objects: wrapped(objects),
    environment: { clock: world.clock, random: seededRandom(1), log: silent },
    rules: new RuleBook(wrapped(objects), { secondsPerDay: SECONDS_PER_DAY }),
    count: (outcome) => void outcomes.push(outcome),
  };
  return {
    world,
    bucket,
    job: new LifecycleJob(parts),
    outcomes,
    configure: (...rules) => objects.putBucketConfiguration(bucket, 'lifecycle', documentOf(rules)),
    age: (days) => void (world.clock.ms += days * SECONDS_PER_DAY * 1000),
    async pass() {
      const job = new LifecycleJob(parts);
      while (job.status().passes === 0) await job.step();
    },
  };
}

export const documentOf = (rules: readonly Partial<RuleElement>[]): Uint8Array => {
  const document: LifecycleDocument = {
    Rule: rules.map((rule, index) => ({
      ID: `rule-${index}`,
      Status: 'Enabled',
      Filter: {},
      Transition: [],
      NoncurrentVersionTransition: [],
      ...rule,
    })),
    transitionMinimum: 'all_storage_classes_128K',
  };
  return bytes(JSON.stringify(document));
};

export const keysOf = ({ world, bucket }: Ageing): Promise<readonly string[]> => listed(world, bucket);
