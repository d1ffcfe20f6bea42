import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { LifecycleJob, type LifecycleStatus } from '../lifecycle/job.ts';
import { RuleBook } from '../lifecycle/rule-book.ts';
import { outcomes } from '../lifecycle/sweep-unit.ts';
import type { Metrics } from '../metrics.ts';
import type { ObjectStore } from '../namespace/namespace.ts';
import type { Scheduler } from '../scheduler.ts';
import type { LifecycleHook } from './s3/operation.ts';

/** The job that carries out lifecycle rules, as the doors see it. */
export interface RunningLifecycle {
  readonly hook: LifecycleHook;
  readonly status: () => LifecycleStatus;
}

/** Starts the job; it stops with the scheduler. */
export function startLifecycle(
  config: Pick<Config, 'lifecycle'>,
  {
    objects,
    environment,
    metrics,
    scheduler,
  }: { objects: ObjectStore; environment: Environment; metrics: Metrics; scheduler: Scheduler },
): RunningLifecycle {
  const actions = metrics.counter({
    name: 'lifecycle_actions_total',
    help: 'What lifecycle rules have done, and what was refused to them',
    labels: { outcome: outcomes },
  });
  const { secondsPerDay } = config.lifecycle;
  const rules = new RuleBook(objects, { secondsPerDay });
  const job = new LifecycleJob({
    objects,
    environment,
    rules,
    count: (outcome) => actions.add({ outcome }, 1),
  });
  scheduler.start('lifecycle', () => job.step());
  return { hook: { rules, changed: () => job.changed() }, status: () => job.status() };
}
