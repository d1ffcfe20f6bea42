import assert from 'node:assert/strict';
import type { AttachedControl } from '../../../src/gateway/admin/attached.ts';
import type { AdminSources } from '../../../src/gateway/admin/row.ts';
import type { ScrubAnswer, ScrubRuns } from '../../../src/gateway/admin/scrub.ts';
import { emptyTrail } from '../../audit/empty-trail.ts';
import { memoryExports } from '../../exports/memory-exports.ts';
import { noLocks } from '../../namespace/locks/no-locks.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { openWorld, silent } from '../../namespace/world.ts';
import { MemoryTiers, recalling } from '../../tiering/memory-tiers.ts';
import { openStorageControl } from '../../../src/storage-policy/open-storage-policies.ts';
import { noJobs } from './no-jobs.ts';

const neverScrubbed: ScrubAnswer = {
  state: 'none',
  checked: 0,
  corrupt: 0,
  healed: 0,
  unrecoverable: 0,
  unknown: 0,
};
const noScrubs: ScrubRuns = { start: () => neverScrubbed, state: () => neverScrubbed };

const refuse = async (): Promise<never> => assert.fail();
const noneAttached: AttachedControl = {
  list: async () => [],
  ...{ attach: refuse, detach: refuse, refresh: refuse, alerts: () => [] },
};

/** Sources of an admin API in which nothing is the matter: a test gives those that it is about in their place. */
export async function quietSources(): Promise<
  Pick<
    AdminSources,
    | 'attached'
    | 'audit'
    | 'exports'
    | 'jobs'
    | 'locks'
    | 'namespace'
    | 'scrub'
    | 'storage'
    | 'tiers'
    | 'unready'
    | 'bucketsOf'
  >
> {
  const { namespace, kv, clock } = await openWorld();
  const tiers = new MemoryTiers();
  const environment = { clock, random: seededRandom(1), log: silent };
  const { objects } = namespace;
  const given = { kv, objects, tiers, environment, nextId: () => 1, query: undefined, ...recalling };
  return {
    attached: noneAttached,
    audit: emptyTrail,
    exports: await memoryExports(),
    jobs: noJobs,
    locks: noLocks,
    namespace,
    storage: await openStorageControl(given),
    tiers,
    scrub: noScrubs,
    unready: async () => [],
    bucketsOf: async () => [],
  };
}
