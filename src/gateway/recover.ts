import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import { roughQuantity } from '../config/quantity.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { envelopeKeys } from '../keyring/envelope.ts';
import type { Kv } from '../kv/kv.ts';
import { openOptimistic } from '../kv/optimistic.ts';
import { openRocksdb } from '../kv/rocksdb.ts';
import { SECRETS_KEY_BYTES } from '../limits.ts';
import { Metrics } from '../metrics.ts';
import { recoverTree } from '../namespace/recover-tree.ts';
import { loadNative } from '../native.ts';
import { Scheduler } from '../scheduler.ts';
import { Scope } from '../scope.ts';
import { nameOf } from '../tiering/cold/cold-place.ts';
import { lookIntoColdStore } from '../tiering/cold/look-into-cold-store.ts';
import type { ColdSettings } from '../tiering/cold/open-cold-store.ts';
import type { TieringStep } from '../tiering/open-tiering.ts';
import { RecoveredBlobs } from '../tiering/reduction/recover-blobs.ts';
import { unwritten, type UnwrittenSegments } from '../tiering/unwritten-segments.ts';
import { findDevice, type FoundDevice } from '../tiering/warm/found-devices.ts';
import { FoundShards } from '../tiering/warm/found-shards.ts';
import { nativeCipher } from '../workers/native-cipher.ts';
import { nativeCompute } from '../workers/native.ts';
import { nativeErasure } from '../workers/native-erasure.ts';
import { nativeReduction } from '../workers/native-reduction.ts';
import { FileBringer } from './bring-files.ts';
import { secretsKeyPath } from './open-accounts.ts';
import { openLayers } from './open-layers.ts';
import { startTierSteps } from './observe-tiers.ts';
import { readPrivateFile } from './private-file.ts';
import { RecoveryCounts, type RecoveryReport } from './recovery-report.ts';

/** What is left of a gateway whose metadata are gone. */
export interface RecoverySources {
  /** Devices of its warm pool, as many as there are. */
  readonly warm: readonly string[];
  readonly cold: ColdSettings | undefined;
  /** A copy of its file secrets.key. */
  readonly secrets: string;
}

export interface RecoveryGiven {
  /** Of the new gateway. Its data directory must be empty. */
  readonly config: Config;
  readonly environment: Environment;
  readonly withGaps: boolean;
  /** Hears, in words, how far it is. */
  readonly progress: (text: string) => void;
}

/** Below the new data directory, as long as it takes. */
const SCRATCH = 'recovery';

/**
 * Makes a new data directory out of what segments say of themselves: a file for each that is whole, in the buckets and under the
 * names of the day when its content moved. Nothing is written to the old devices and the old bucket. Faults with a sentence,
 * and leaves the new directory empty then.
 */
export async function recover(sources: RecoverySources, given: RecoveryGiven): Promise<RecoveryReport> {
  const { data } = given.config;
  await requireEmpty(data);
  const secretsKey = await readSecretsKey(sources.secrets);
  const scratch = path.join(data, SCRATCH);
  await mkdir(scratch, { mode: 0o700 });
  await copyFile(sources.secrets, secretsKeyPath({ data }));
  const scope = new Scope();
  let report: RecoveryReport;
  try {
    report = await recoverInto(scope, { sources, given, secretsKey, scratch });
  } catch (cause) {
    await scope.close().catch(() => undefined);
    // It was empty: all that is there is of this attempt, and half of a tree must not pass for a whole one.
    for (const name of await readdir(data)) await rm(path.join(data, name), { recursive: true });
    throw cause;
  }
  await scope.close();
  await rm(scratch, { recursive: true });
  return report;
}

async function requireEmpty(directory: string): Promise<void> {
  const names = await readdir(directory);
  if (names.length === 0) return;
  const detail = `${directory} is not empty: choose a new directory with --data DIR.`;
  throw new Fault('invalid-argument', 'store', detail);
}

async function readSecretsKey(file: string): Promise<Uint8Array> {
  const key = Buffer.from((await readPrivateFile(file))?.trim() ?? '', 'hex');
  if (key.length === SECRETS_KEY_BYTES) return key;
  throw new Fault('invalid-argument', 'key', `${file} is no secrets.key of a gateway.`);
}

interface Recovering {
  readonly sources: RecoverySources;
  readonly given: RecoveryGiven;
  readonly secretsKey: Uint8Array;
  /** A directory. */
  readonly scratch: string;
}

async function recoverInto(scope: Scope, recovering: Recovering): Promise<RecoveryReport> {
  const { sources, given, secretsKey, scratch: directory } = recovering;
  const { config, environment, withGaps, progress } = given;
  const { log } = environment;
  const engine = await openRocksdb(path.join(directory, 'found'));
  const scratch = scope.own(openOptimistic(engine, { merge: () => undefined }));
  const found = await openSources(scope, sources, { environment, scratch });
  const keys = envelopeKeys({ cipher: nativeCipher(loadNative()), secretsKey });
  const reduction = nativeReduction(loadNative());
  const tiers: RecoveredBlobs[] = [];
  for (const segments of found.segments) {
    progress(`looking through the segments of the ${segments.traits.tier} tier`);
    tiers.push(await RecoveredBlobs.open({ segments, reduction, keys, scratch, log }));
  }
  await requireSomething(tiers, found, sources);
  const wakes = new Set<(step: TieringStep) => void>();
  const stopped = (cause: unknown): void => log.error('the new data directory cannot be written', { cause });
  const wake = (step: TieringStep): void => wakes.forEach((each) => each(step));
  const layers = await openLayers(scope, config, {
    ...{ environment, secretsKey, stopped, metrics: new Metrics(), wake },
  });
  const { namespace, keyring } = layers;
  const scheduler = scope.own(new Scheduler(environment));
  scheduler.start('namespace', () => namespace.step());
  wakes.add(startTierSteps(scheduler, layers));
  const counts = new RecoveryCounts();
  const spool = path.join(directory, 'spool');
  const bringer = new FileBringer({ namespace, keyring, counts, spool, withGaps });
  for await (const file of recoverTree({ tiers, scratch, log })) {
    await bringer.bring(file);
    progress(`${counts.files} files, ${roughQuantity(counts.bytes)}`);
  }
  const { files, bytes, filesWithGaps, lost } = counts;
  return { ...found.report(), files, bytes, filesWithGaps, counts: counts.counts, lost };
}

async function requireSomething(
  tiers: readonly RecoveredBlobs[],
  { segments, report }: OpenedSources,
  { secrets }: RecoverySources,
): Promise<void> {
  for (const blobs of tiers) for await (const _ of blobs.all()) return;
  const native = report().cold?.nativeBuckets ?? 0;
  const elsewhere =
    native === 0
      ? ''
      : ` Objects of ${native} buckets lie in the cold store under their own keys: copy them with any S3 client.`;
  const why = (await hasSegments(segments))
    ? `nothing of the segments opens: ${secrets} is not the key of the gateway that has written them, or they are damaged.${elsewhere}`
    : `there are no segments.${elsewhere}`;
  throw new Fault('not-found', 'store', `Nothing was found: ${why}`);
}

async function hasSegments(stores: readonly UnwrittenSegments[]): Promise<boolean> {
  for (const store of stores) for await (const page of store.list()) if (page.length > 0) return true;
  return false;
}

interface OpenedSources {
  /** Warmest first. */
  readonly segments: readonly UnwrittenSegments[];
  readonly report: () => Pick<RecoveryReport, 'warm' | 'cold'>;
}

async function openSources(
  scope: Scope,
  { warm, cold }: RecoverySources,
  { environment, scratch }: { readonly environment: Environment; readonly scratch: Kv },
): Promise<OpenedSources> {
  const addon = loadNative();
  const reduction = nativeReduction(addon);
  const devices: FoundDevice[] = [];
  for (const place of warm) {
    const device = await findDevice(addon, place);
    scope.own({ close: () => device.shards.close() });
    devices.push(device);
  }
  const pool = poolOf(devices);
  const shards = devices.length === 0 ? undefined : await FoundShards.open({ devices, reduction, scratch });
  const kernels = { compute: nativeCompute(addon), erasure: nativeErasure(addon), reduction };
  const looked = cold && (await lookIntoColdStore(cold, { environment, ...kernels }));
  const objects = looked && scope.own(looked.segments);
  const warmSegments = shards && unwritten(shards);
  const coldSegments = objects && unwritten(objects);
  const described = devices.map(({ path: at, device, shards: { kind } }) => ({ path: at, device, kind }));
  return {
    segments: [warmSegments, coldSegments].filter((it) => it !== undefined),
    report: () => ({
      ...(shards &&
        warmSegments && {
          warm: { pool, devices: described, shards: shards.shards, segmentsLost: warmSegments.lost.size },
        }),
      ...(cold &&
        coldSegments &&
        looked && {
          cold: {
            place: nameOf(cold.place),
            segmentsLost: coldSegments.lost.size,
            nativeBuckets: looked.nativeBuckets,
          },
        }),
    }),
  };
}

/** All devices must say the same. */
function poolOf(devices: readonly FoundDevice[]): string {
  const [first] = devices;
  const other = devices.find(({ pool }) => pool !== first?.pool);
  if (first !== undefined && other !== undefined) {
    const detail = `${first.path} and ${other.path} are devices of two pools: name those of one.`;
    throw new Fault('invalid-argument', 'device', detail);
  }
  const twice = devices.find(
    ({ device }, index) => devices.findIndex((it) => it.device === device) !== index,
  );
  if (twice !== undefined)
    throw new Fault('invalid-argument', 'device', `${twice.path} is named twice: name each device once.`);
  return first?.pool ?? '';
}
