import type { Environment } from '../environment.ts';
import type { Kv } from '../kv/kv.ts';
import type { Ino, ObjectKey, ObjectStore } from '../namespace/namespace.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { Assessor } from './assess.ts';
import { ClassJob } from './class-job.ts';
import { explain, plan, type Explanation, type Plan } from './explain.ts';
import { PolicyJob } from './job.ts';
import { Moves } from './moves.ts';
import type { RecallWish } from '../tiering/segment-store.ts';
import { openStoragePolicies, type StoragePolicies } from './policies.ts';
import { Restores } from './restores.ts';
import { Scores, type Query } from './scores.ts';
import type { Target } from './target.ts';

/** Storage policies and moves as doors and scheduler see them. */
export interface StorageControl {
  readonly policies: StoragePolicies;
  readonly job: PolicyJob;
  readonly moves: Moves;
  readonly restores: Restores;
  readonly classes: ClassJob;
  readonly scores: Scores;
  explain(bucket: string, key: ObjectKey): Promise<readonly Explanation[]>;
  /** Of everything that policies are about, without a target. */
  plan(target?: Target): Promise<Plan>;
}

export interface StorageControlParts {
  readonly kv: Kv;
  readonly objects: ObjectStore;
  readonly tiers: Tiers;
  readonly environment: Environment;
  /** Above all that were given before, across restarts. */
  readonly nextId: () => number;
  /** `undefined`: no monitoring system is configured. */
  readonly query: Query | undefined;
  /** How content comes back for readers who cannot say. */
  readonly recall: RecallWish;
  /** Whether a bucket shows what lies in one of others. */
  readonly isAttached: (bucket: Ino) => boolean;
  /** Says that there is work for the step of restores. */
  readonly wakeRestores: () => void;
}

export async function openStorageControl(parts: StorageControlParts): Promise<StorageControl> {
  const policies = await openStoragePolicies(parts.kv);
  const scores = new Scores(parts.query);
  const assessor = new Assessor({ ...parts, scores });
  const moves = await Moves.open(parts);
  const restores = await Restores.open({ ...parts, wish: parts.recall, wake: parts.wakeRestores });
  const all = { ...parts, policies, assessor, scores };
  const job = new PolicyJob(all);
  return {
    policies,
    job,
    moves,
    restores,
    classes: new ClassJob(all),
    scores,
    explain: (bucket, key) => explain(all, bucket, key),
    plan: (target) => plan(all, target),
  };
}
