import type { Metrics } from '../metrics.ts';
import type { Namespace } from '../namespace/namespace.ts';
import type { Scheduler } from '../scheduler.ts';
import type { TieringStep } from '../tiering/open-tiering.ts';
import { tiers as allTiers } from '../tiering/tier.ts';
import { isCriticallyFull, isFull, ownSpace } from '../tiering/fill-level.ts';
import type { Tiers } from '../tiering/tiers.ts';
import type { Alert } from './admin/health.ts';
import type { Status } from './admin/status.ts';
import { hotDeviceAlerts, observeHotDevice } from './observe-hot-device.ts';
import type { Layers } from './open-layers.ts';

type TieredLayers = Pick<Layers, 'tiering' | 'lowerTiers' | 'device' | 'hotHealth'>;

const modes = ['normal', 'critical', 'write-through'] as const;
/** Share of the hot device that must be free for it to be healthy where nothing can make room. */
const HOT_FREE_SHARE_MIN = 0.05;

/** What there is to do also without lower tiers: upkeep of the hot one, and content of attached buckets has copies in it. */
const ownSteps: ReadonlySet<TieringStep> = new Set([
  ...(['migrate', 'repair', 'scrub', 'trim', 'defragment', 'examine'] as const),
  ...(['promote', 'evict'] as const),
]);

const hasStep = ({ lowerTiers }: Pick<TieredLayers, 'lowerTiers'>, name: TieringStep): boolean =>
  lowerTiers.lower.length > 0 || ownSteps.has(name);

/** Starts all background work of the tiers. What wakes a step, if it is there. */
export function startTierSteps(scheduler: Scheduler, layers: TieredLayers): (step: TieringStep) => void {
  const { tiering, lowerTiers } = layers;
  const own = Object.entries(tiering.steps) as [TieringStep, () => Promise<'busy' | 'idle'>][];
  for (const [name, step] of own) if (hasStep(layers, name)) scheduler.start(name, step);
  for (const { name, step } of lowerTiers.steps) scheduler.start(name, step);
  return (name) => {
    if (hasStep(layers, name)) scheduler.wake(name);
  };
}

export function observeTiers(metrics: Metrics, { tiering, hotHealth }: TieredLayers): void {
  const { tiers } = tiering;
  const tier = allTiers;
  observeSpace(metrics, tiering);
  observeHotDevice(metrics, { tiering, hotHealth });
  const moves = { outcome: ['completed', 'failed'] };
  metrics.observed(
    { name: 'migrations_total', help: 'Migrations between tiers that have ended', labels: moves },
    (gauge) => {
      const { completed, failed } = tiers.totals();
      gauge.set({ outcome: 'completed' }, completed);
      gauge.set({ outcome: 'failed' }, failed);
    },
  );
  const plain = (name: string, help: string, read: () => number): void =>
    metrics.observed({ name, help, labels: {} }, (gauge) => gauge.set({}, read()));
  plain('migrated_bytes_total', 'Content that migrations have moved', () => tiers.totals().bytes);
  plain('migrations_queued', 'Migrations that wait', () => tiers.totals().queued);
  plain('migrations_running', 'Migrations under way', () => tiers.totals().running);
  plain('copies_repaired_total', 'Damaged copies made anew since the start', () => tiering.counts().repaired);
  plain(
    'hot_trimmed_bytes_total',
    'Freed space given back to the hot device since the start',
    () => tiering.counts().bytesTrimmed,
  );
  plain(
    'hot_defragmented_bytes_total',
    'Content moved within the hot device since the start to make large free extents',
    () => tiering.counts().bytesDefragmented,
  );
  metrics.observed(
    { name: 'tier_reads_total', help: 'Reads of content by the tier that answered', labels: { tier } },
    (gauge) => {
      for (const each of allTiers) gauge.set({ tier: each }, tiering.counts().reads[each]);
    },
  );
  metrics.observed(
    { name: 'hot_mode', help: 'How writers are treated: 1 for the mode that holds', labels: { mode: modes } },
    (gauge) => {
      for (const mode of modes) gauge.set({ mode }, tiers.flashMode() === mode ? 1 : 0);
    },
  );
}

function observeSpace(metrics: Metrics, { tiers, counts }: TieredLayers['tiering']): void {
  const labels = { kind: ['total', 'free', 'whole'] };
  const help = 'Space of the hot device; whole: what of the free space lies in whole MiB';
  metrics.observed({ name: 'hot_bytes', help, labels }, (gauge) => {
    const { bytesTotal, bytesFree } = tiers.usage().hot;
    gauge.set({ kind: 'whole' }, counts().bytesFreeWhole);
    gauge.set({ kind: 'total' }, bytesTotal);
    gauge.set({ kind: 'free' }, bytesFree);
  });
  const kinds = ['logical', 'unique', 'live', 'stored', 'free'] as const;
  const lower = { tier: ['warm', 'cold'], kind: kinds };
  metrics.observed(
    { name: 'tier_bytes', help: 'Content and space of lower tiers', labels: lower },
    (gauge) => {
      const usage = tiers.usage();
      for (const tier of ['warm', 'cold'] as const) {
        const found = usage[tier];
        if (found === undefined) continue;
        gauge.set({ tier, kind: 'logical' }, found.bytesLogical);
        gauge.set({ tier, kind: 'unique' }, found.bytesUnique);
        gauge.set({ tier, kind: 'live' }, found.bytesLive);
        gauge.set({ tier, kind: 'stored' }, found.bytesStored);
        if (Number.isFinite(found.bytesFree)) gauge.set({ tier, kind: 'free' }, found.bytesFree);
      }
    },
  );
}

export function tierAlerts({ tiering, lowerTiers, device, hotHealth }: TieredLayers): readonly Alert[] {
  const { bytesTotal, bytesFree } = tiering.tiers.usage().hot;
  const alerts: Alert[] = [...hotDeviceAlerts(hotHealth(), tiering.counts()), ...lowerTiers.alerts()];
  if (lowerTiers.lower.length === 0 && bytesFree < bytesTotal * HOT_FREE_SHARE_MIN) {
    const text = 'The hot device is nearly full: enlarge it with --hot-size or delete data.';
    alerts.push({ severity: 'critical', text });
  }
  if (lowerTiers.lower.length > 0 && tiering.tiers.flashMode() !== 'normal') {
    const text =
      'The hot tier is nearly full of what no lower tier has yet: writers wait until it has gone there.';
    alerts.push({ severity: 'degraded', text });
  }
  alerts.push(...warmAlerts(tiering.tiers), ...changedAlerts(tiering.tiers));
  if (!device.isDirect) {
    const text =
      'The file system of the hot device has no direct I/O: content passes through the page cache.';
    alerts.push({ severity: 'degraded', text });
  }
  return [...alerts, ...scrubAlerts(tiering.lastScrub())];
}

/** Of a warm tier that fills up: with a cold one content goes there by itself. */
function warmAlerts(tiers: Tiers): readonly Alert[] {
  const { warm, cold } = tiers.usage();
  if (warm === undefined) return [];
  const space = ownSpace(warm.bytesStored, warm);
  if (isCriticallyFull(space)) {
    const way =
      cold === undefined
        ? 'add devices with terrace warm add DIR, or a cold tier with --cold'
        : 'its content goes to the cold tier, or add devices with terrace warm add DIR';
    return [
      {
        severity: cold === undefined ? 'critical' : 'degraded',
        text: `The warm tier is full and takes little more: ${way}.`,
      },
    ];
  }
  if (cold !== undefined || !isFull(space)) return [];
  const text =
    'The warm tier is more than 80 % full and there is no cold tier that its content could go to: add devices with terrace warm add DIR, or a cold tier with --cold.';
  return [{ severity: 'degraded', text }];
}

/** Of objects under their own keys in the cold store. */
function changedAlerts(tiers: Tiers): readonly Alert[] {
  const { keys, lost } = tiers.changedOutside();
  const alerts: Alert[] = [];
  const named = (some: readonly string[]): string =>
    some.length === 1 ? `${some[0]}` : `${some[0]} and ${some.length - 1} more`;
  if (lost.length > 0) {
    const text = `Somebody else has changed or deleted objects of this gateway in the cold store (${named(lost)}), and their content is nowhere else: upload these objects here once more.`;
    alerts.push({ severity: 'critical', text });
  }
  if (keys.length > lost.length) {
    const text = `Objects cannot lie under their own keys in the cold store, because somebody else has put something there (${named(keys.filter((key) => !lost.includes(key)))}): their content stays where it is. Move what is there away, or rename the objects here.`;
    alerts.push({ severity: 'degraded', text });
  }
  return alerts;
}

function scrubAlerts(last: ReturnType<Layers['tiering']['lastScrub']>): readonly Alert[] {
  if (last === undefined) return [];
  const alerts: Alert[] = [];
  if (last.unrecoverable > 0) {
    const what = last.unrecoverable === 1 ? 'one piece' : `${last.unrecoverable} pieces`;
    const text = `The last scrub found ${what} of content damaged in every copy: bring it back from elsewhere.`;
    alerts.push({ severity: 'critical', text });
  }
  if (last.unknown > 0) {
    const what = last.unknown === 1 ? 'one segment' : `${last.unknown} segments`;
    const text = `The last scrub could not look at ${what}, because a store did not answer: run terrace scrub when it does.`;
    alerts.push({ severity: 'degraded', text });
  }
  return alerts;
}

/** Of counts that were not what they counted; they are right again. */
export function censusAlerts({ mended }: Pick<Namespace['census'], 'mended'>): readonly Alert[] {
  if (mended === 0) return [];
  const text = `The counts of terrace tier status were wrong for ${mended} files, and have been put right: please report it.`;
  return [{ severity: 'degraded', text }];
}

/** What the status says of the tiers. */
export function tierStatus({ tiering }: TieredLayers): Pick<Status, 'hot' | 'tiers' | 'migrations'> {
  const { tiers } = tiering;
  const { hot, warm, cold } = tiers.usage();
  const lower = (usage: typeof warm): Record<string, number> =>
    Object.fromEntries(Object.entries(usage ?? {}).filter(([, value]) => Number.isFinite(value)));
  return {
    hot,
    tiers: {
      mode: tiers.flashMode(),
      ...(warm !== undefined && { warm: lower(warm) }),
      ...(cold !== undefined && { cold: lower(cold) }),
    },
    migrations: tiers.totals(),
  };
}
