import type { Random } from '../../src/environment.ts';
import { pause } from './actor.ts';
import { Cut } from './doors.ts';
import { askAdmin, buckets, emptyDevice, type Site } from './site.ts';
import { choose } from './step.ts';

export interface Scenario {
  readonly name: string;
  readonly says: string;
  readonly flags: readonly string[];
  /** Of a hundred rounds: in how many the gateway is killed while it starts as well, and how often at the most. */
  readonly killedStarts: { readonly ofHundred: number; readonly max: number };
  /** Of a hundred rounds: in how many the cold store is killed too. */
  readonly coldKilledOfHundred: number;
  /** How many actors there are of each kind. */
  readonly actors: {
    readonly tree: number;
    readonly versions: number;
    readonly objects: number;
    readonly attached: number;
  };
  /** The greatest object that the actors on whole objects put. */
  readonly objectBytesMax: number;
  /** Events of its log at the level of errors that belong to it. */
  readonly errorsExpected: readonly string[];
  /** What goes on beside the load, until it is over. */
  readonly disturb: (site: Site, random: Random, isOver: () => boolean) => Promise<void>;
}

const usual = {
  flags: ['--hot-size', '256Mi', '--warm-ec', '4+2', '--reduction-segment-bytes', '1Mi'],
  killedStarts: { ofHundred: 25, max: 1 },
  coldKilledOfHundred: 0,
  actors: { tree: 16, versions: 4, objects: 2, attached: 0 },
  objectBytesMax: 400_000,
  errorsExpected: [],
} as const;

const pauseMs = 150;

/** Runs `once` again and again; what the gateway refuses is refused. */
const repeating =
  (once: (site: Site, random: Random) => Promise<void>): Scenario['disturb'] =>
  async (site, random, isOver) => {
    while (!isOver()) {
      try {
        await once(site, random);
      } catch (cause) {
        if (cause instanceof Cut) return;
        throw cause;
      }
      await pause(random.below(pauseMs));
    }
  };

const run = (site: Site, job: string): Promise<unknown> => {
  site.done.add(`${job} ordered`);
  return askAdmin(site, { method: 'POST', path: `/v1/jobs/${job}/run` });
};
const order = (site: Site, target: string, to: string): Promise<unknown> => {
  site.done.add(`move to ${to} ordered`);
  return askAdmin(site, { method: 'POST', path: '/v1/tiers/moves', body: { target, to } });
};

const moved = [buckets.tree, buckets.versions, buckets.objects] as const;
const move = async (site: Site, random: Random, tiers: readonly string[]): Promise<void> => {
  await order(site, choose(random, moved) ?? buckets.tree, choose(random, tiers) ?? 'warm');
};

const collected = [
  'warm-collect',
  'cold-collect',
  'defragment',
  'trim',
  'spill',
  'evict',
  'namespace',
  'repair',
] as const;

interface WarmAnswer {
  readonly devices: readonly { readonly path: string; readonly state: string; readonly draining: boolean }[];
  readonly shardsMissing: number;
  readonly repair: { readonly running: boolean };
}

/** A disk dies only while all else is whole: two may be lost at a time, and each is replaced and rebuilt. */
async function loseDevices(site: Site, random: Random): Promise<void> {
  await move(site, random, ['warm', 'warm', 'hot']);
  const warm = (await askAdmin(site, { path: '/v1/warm' })) as unknown as WarmAnswer | undefined;
  if (warm === undefined) return;
  const isWhole =
    warm.shardsMissing === 0 &&
    !warm.repair.running &&
    warm.devices.every(({ state, draining }) => state === 'in-service' && !draining);
  if (isWhole) {
    const first = random.below(site.warmDevices.length);
    const lost = [first, first + 1 + random.below(2) * 2].slice(0, 1 + random.below(2));
    for (const index of lost) {
      await emptyDevice(site.warmDevices[index % site.warmDevices.length] ?? '');
      site.done.add('warm device lost');
    }
  }
  for (const { path, state } of warm.devices) {
    if (state === 'in-service') continue;
    await askAdmin(site, { method: 'POST', path: '/v1/warm/replace', body: { old: path, new: path } });
  }
  await askAdmin(site, { method: 'POST', path: '/v1/warm/rebuild' });
}

export const scenarios: readonly Scenario[] = [
  {
    ...usual,
    name: 'doors',
    says: 'both doors under load',
    disturb: async () => undefined,
  },
  {
    ...usual,
    name: 'starts',
    says: 'killed again and again while it starts and recovers',
    killedStarts: { ofHundred: 100, max: 4 },
    disturb: repeating((site, random) => move(site, random, ['warm', 'cold'])),
  },
  {
    ...usual,
    name: 'moves',
    says: 'content moves between the tiers',
    disturb: repeating((site, random) => move(site, random, ['hot', 'warm', 'cold'])),
  },
  {
    ...usual,
    name: 'rebuild',
    says: 'one or two of six warm devices are lost, replaced and rebuilt',
    errorsExpected: ['a warm device has gone'],
    disturb: repeating(loseDevices),
  },
  {
    ...usual,
    name: 'full',
    says: 'more than the hot device takes, which is full',
    flags: ['--hot-size', '64Mi', '--warm-ec', '4+2', '--reduction-segment-bytes', '1Mi'],
    actors: { ...usual.actors, tree: 10, objects: 10 },
    objectBytesMax: 5_000_000,
    disturb: repeating(async (site, random) => {
      // While its job rests nothing but writers that find no room make any: the tier fills up.
      const isResting = random.below(4) > 0;
      await askAdmin(site, { method: 'POST', path: `/v1/jobs/evict/${isResting ? 'pause' : 'resume'}` });
      if (random.below(8) === 0) await move(site, random, ['hot']);
      const tiers = await askAdmin(site, { path: '/v1/tiers' });
      site.done.add(`hot tier seen in mode ${String(tiers?.['flashMode'])}`);
    }),
  },
  {
    ...usual,
    name: 'collect',
    says: 'sparse segments are compacted, garbage is collected, the hot device is defragmented',
    flags: [...usual.flags, '--reduction-sparse-percent', '90', '--hot-discard', 'on'],
    actors: { ...usual.actors, objects: 6 },
    disturb: repeating(async (site, random) => {
      await move(site, random, ['warm', 'cold', 'hot']);
      await run(site, choose(random, collected) ?? 'evict');
    }),
  },
  {
    ...usual,
    name: 'cold',
    says: 'content moves to a cold store that is killed as well, and a bucket of it is attached',
    coldKilledOfHundred: 50,
    actors: { ...usual.actors, tree: 12, attached: 4 },
    disturb: repeating(async (site, random) => {
      await move(site, random, ['cold', 'cold', 'hot']);
      if (random.below(3) === 0) {
        await askAdmin(site, {
          method: 'POST',
          path: `/v1/cold/attached/${buckets.attached}/refresh`,
          body: {},
        });
      }
    }),
  },
];
