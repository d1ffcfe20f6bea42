import { availableParallelism } from 'node:os';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { WORKER_THREADS_MAX } from '../limits.ts';
import { loadNative } from '../native.ts';
import type { Metrics } from '../metrics.ts';
import type { Scope } from '../scope.ts';
import type { Step } from '../scheduler.ts';
import { openColdStore, type OpenedColdStore } from '../tiering/cold/open-cold-store.ts';
import { coldStoreAttached } from '../tiering/cold/ownership.ts';
import type { DataKeys } from '../tiering/data-keys.ts';
import type { LowerTierParts } from '../tiering/open-tiering.ts';
import { Hold } from '../tiering/hold.ts';
import type { NativeStore } from '../tiering/native-layout/native-parts.ts';
import { allNatives } from '../tiering/native-layout/native-records.ts';
import { openChunkStore } from '../tiering/reduction/open-chunk-store.ts';
import { chunkTables } from '../tiering/reduction/tables.ts';
import { reductionSettings } from '../tiering/reduction/settings.ts';
import type { SegmentStore } from '../tiering/segment-store.ts';
import type { LowerTier } from '../tiering/tier.ts';
import { openWarmPool } from '../tiering/warm/open-warm-pool.ts';
import { localDevices } from '../tiering/warm/local-devices.ts';
import type { WarmPool } from '../tiering/warm/warm-pool.ts';
import { nativeCompute } from '../workers/native.ts';
import { nativeErasure } from '../workers/native-erasure.ts';
import { nativeReduction } from '../workers/native-reduction.ts';
import { reductionPool } from '../workers/pool.ts';
import type { Reduction } from '../workers/reduction.ts';
import type { Alert } from './admin/health.ts';
import { coldSettings } from './cold-settings.ts';

/** Background work of a tier, one bounded unit a call. */
export interface TierStep {
  readonly name: string;
  readonly step: Step;
}

/** What lies below the hot tier. */
export interface LowerTiers {
  /** Warmest first; none where none is configured. */
  readonly lower: readonly LowerTierParts[];
  readonly warm: WarmPool | undefined;
  /** The cold store, for objects under their own keys. */
  readonly native: NativeStore | undefined;
  readonly steps: readonly TierStep[];
  /** What the stores report of themselves. */
  readonly alerts: () => readonly Alert[];
}

export interface LowerTiersGiven {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly dataKeys: DataKeys;
  readonly metrics: Metrics;
}

/** Opens the stores of the lower tiers that the config names, and over each its store of chunks. */
export async function openLowerTiers(
  scope: Scope,
  config: Config,
  given: LowerTiersGiven,
): Promise<LowerTiers> {
  const inline = nativeReduction(loadNative());
  const threads = Math.max(1, Math.min(WORKER_THREADS_MAX, availableParallelism()));
  const reduction = scope.own(reductionPool({ threads, inline }));
  const holds = { warm: await openHold(given, 'warm', 2), cold: await openHold(given, 'cold', 1) };
  const warm = await openWarm(scope, config, { ...given, reduction, hold: holds.warm });
  const lower: LowerTierParts[] = [];
  const cold = await openCold(scope, config, { ...given, reduction });
  for (const segments of [warm, cold?.store]) {
    if (segments === undefined) continue;
    const hold = holds[segments.traits.tier];
    lower.push(await openTier(scope, config, { ...given, reduction, segments, hold }));
  }
  const collects = lower.map(({ chunks }) => ({
    name: `${chunks.tier}-collect`,
    step: async () => ((await chunks.collect()) ? ('busy' as const) : ('idle' as const)),
  }));
  const watches = cold === undefined ? [] : [{ name: 'cold-watch', step: () => cold.step() }];
  const native = cold && nativeStore(config, cold, holds.cold);
  return {
    lower,
    warm,
    native,
    steps: [...(warm?.steps ?? []), ...watches, ...collects],
    alerts: () => [...(warm?.alerts() ?? []), ...(cold?.alerts() ?? []), ...lower.flatMap(holdAlerts)],
  };
}

/** Also where objects need not lie so: those that do stay readable. */
function nativeStore(config: Config, cold: OpenedColdStore, hold: Hold): NativeStore | undefined {
  const settings = coldSettings(config);
  if (settings === undefined) return undefined;
  const { place, layout } = settings;
  const compute = nativeCompute(loadNative());
  const known = { seals: () => cold.seals(), mayForget: () => hold.allows };
  return { objects: cold.objects, place, compute, isWanted: layout === 'native', ...known };
}

/** Who looks: the store of chunks at what its store lists, and the warm pool at its devices. */
const openHold = ({ kv, environment }: LowerTiersGiven, tier: LowerTier, looks: number): Promise<Hold> =>
  Hold.open({ kv, environment, tier, looks });

function holdAlerts({ hold }: LowerTierParts): readonly Alert[] {
  if (hold?.isHeld !== true) return [];
  const text = `The metadata is older than what lies in the ${hold.tier} tier, as after the restore of a backup: nothing is deleted there. Restore newer metadata, or run terrace tier accept ${hold.tier} to give up what only those know.`;
  return [{ severity: 'critical', text }];
}

interface TierGiven extends LowerTiersGiven {
  readonly reduction: Reduction;
}

/** Also without a device in the config, when content lies in it: its rows know where. */
async function openWarm(
  scope: Scope,
  { warm, reduction: { segmentBytes } }: Config,
  given: TierGiven & { readonly hold: Hold },
): Promise<WarmPool | undefined> {
  if (warm.devices.length === 0 && !(await holdsContent(given.kv, 'warm'))) return undefined;
  const { devices, ec } = warm;
  const places = localDevices(loadNative());
  const pool = { ...given, devices, places, shape: ec, imageBytesMax: segmentBytes };
  return scope.own(await openWarmPool(pool));
}

async function openCold(
  scope: Scope,
  config: Config,
  given: TierGiven,
): Promise<OpenedColdStore | undefined> {
  const settings = coldSettings(config);
  if (settings === undefined) {
    if (!(await holdsContent(given.kv, 'cold'))) return undefined;
    const place = (await coldStoreAttached(given.kv)) ?? 'that is not named';
    const detail = `Content of ${config.data} lies in the cold store ${place}: say where it is with --cold.`;
    throw new Fault('unavailable', 'store', detail);
  }
  const addon = loadNative();
  const kernels = { compute: nativeCompute(addon), erasure: nativeErasure(addon) };
  const opened = await openColdStore(settings, { ...given, ...kernels });
  scope.own(opened.store);
  return opened;
}

/** Whether blobs have copies in that tier. */
async function holdsContent(kv: Kv, tier: LowerTier): Promise<boolean> {
  const recipes = chunkTables(tier).recipes(undefined);
  for (const range of tier === 'cold' ? [recipes, allNatives] : [recipes])
    for await (const page of kv.scan(range, { pageEntries: 1 })) if (page.length > 0) return true;
  return false;
}

async function openTier(
  scope: Scope,
  { reduction: settings }: Config,
  given: TierGiven & { readonly segments: SegmentStore; readonly hold: Hold },
): Promise<LowerTierParts> {
  const { tier } = given.segments.traits;
  const chunks = scope.own(await openChunkStore({ ...given, tier, settings: reductionSettings(settings) }));
  return { chunks, segments: given.segments, hold: given.hold };
}
