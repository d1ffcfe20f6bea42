import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import type { Scheduler } from '../scheduler.ts';
import { openStorageControl, type StorageControl } from '../storage-policy/open-storage-policies.ts';
import { prometheus } from '../storage-policy/prometheus.ts';
import type { Alert } from './admin/health.ts';
import type { Layers } from './open-layers.ts';

export interface StorageControlGiven {
  readonly layers: Layers;
  readonly environment: Environment;
  readonly scheduler: Scheduler;
}

/** Starts what storage policies and ordered moves do; it stops with the scheduler. */
export async function startStorageControl(
  { heat, cold }: Pick<Config, 'heat' | 'cold'>,
  { layers, environment, scheduler }: StorageControlGiven,
): Promise<StorageControl> {
  const { kv, namespace, tiering, nextId } = layers;
  const query = heat.prometheus === undefined ? undefined : prometheus(heat.prometheus, environment.log);
  const { objects, attachments } = namespace;
  const { tiers } = tiering;
  const control = await openStorageControl({
    ...{ kv, objects, tiers, environment, nextId, query },
    recall: { days: cold.recallDays, speed: cold.recallSpeed },
    isAttached: (bucket) => attachments.isAttached(bucket),
    wakeRestores: () => scheduler.wake('restores'),
  });
  scheduler.start('storage-policies', () => control.job.step());
  scheduler.start('moves', () => control.moves.step());
  scheduler.start('census', () => namespace.census.step());
  scheduler.start('storage-classes', () => control.classes.step());
  scheduler.start('restores', () => control.restores.step());
  return control;
}

export function storageAlerts({ scores }: StorageControl): readonly Alert[] {
  const names = scores.unanswered();
  if (names.length === 0) return [];
  const text = `No Prometheus tells how busy the objects of ${names.join(', ')} are: nothing moves by these storage policies. See heat.prometheus.`;
  return [{ severity: 'degraded', text }];
}
