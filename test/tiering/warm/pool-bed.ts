import assert from 'node:assert/strict';
import type { Environment } from '../../../src/environment.ts';
import { Fault, type FaultCode } from '../../../src/fault.ts';
import type { Kv } from '../../../src/kv/kv.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import type { Hold } from '../../../src/tiering/hold.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import { MemoryShardDevices, type MemoryPlace } from '../../../src/tiering/warm/memory-shard-devices.ts';
import { openWarmPool } from '../../../src/tiering/warm/open-warm-pool.ts';
import type { WarmPool } from '../../../src/tiering/warm/warm-pool.ts';
import type { StripeShape } from '../../../src/workers/erasure.ts';
import type { Packed } from '../../../src/workers/reduction.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { SHARD_HEADER_BYTES } from '../../../src/workers/segment.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { silent } from '../../namespace/world.ts';
import { noise, packingOf } from '../../workers/segments.ts';
import { ManualClock } from './manual-clock.ts';

export const reduction = referenceReduction();

/** The n-th segment of a test. */
export const idOf = (n: number): SegmentId => n.toString(16).padStart(32, '0') as SegmentId;

export interface Segment {
  readonly id: SegmentId;
  readonly packed: Packed;
  readonly image: Uint8Array;
}

/** A segment of some chunks of noise. */
export async function segmentOf(
  n: number,
  shape: StripeShape = { data: 4, parity: 2 },
  { bytes = 30_000, generation = 1 } = {},
): Promise<Segment> {
  const id = idOf(n);
  const packing = { ...packingOf({ shape, imageBytesMax: 1 << 17 }), id: Buffer.from(id, 'hex'), generation };
  const items = [0, 1, 2].map((index) => ({
    kind: 'chunk' as const,
    plain: noise(Math.ceil(bytes / 3), n * 3 + index + generation * 1000),
    fingerprint: Buffer.alloc(32, index),
    salts: Buffer.alloc(32, index + 1),
    label: Buffer.from(`bucket/key-${n}`),
  }));
  const packed = await reduction.pack(packing, items);
  const image = Buffer.concat(
    packed.shards.slice(0, shape.data).map((shard) => shard.subarray(SHARD_HEADER_BYTES)),
  );
  return { id, packed, image };
}

export interface PoolBed {
  engine: MemoryEngine;
  readonly clock: ManualClock;
  readonly environment: Environment;
  readonly devices: MemoryShardDevices;
  readonly paths: readonly string[];
  pool: WarmPool;
}

export interface BedOptions {
  readonly count?: number;
  readonly shape?: StripeShape;
  readonly seed?: number;
  readonly bytesTotal?: number;
}

export const shape42: StripeShape = { data: 4, parity: 2 };

/** A pool over devices in memory: /d1, /d2, … */
export async function openBed({
  count = 6,
  shape = shape42,
  seed = 1,
  bytesTotal,
}: BedOptions = {}): Promise<PoolBed> {
  const devices = new MemoryShardDevices();
  const paths = Array.from({ length: count }, (_, index) => `/d${index + 1}`);
  for (const path of paths) devices.place(path, bytesTotal === undefined ? {} : { bytesTotal });
  const clock = new ManualClock();
  const environment: Environment = { clock, random: seededRandom(seed), log: silent };
  const bed = { engine: new MemoryEngine(), clock, environment, devices, paths };
  return Object.assign(bed, { pool: await openPool(bed, shape) });
}

/** Opens the pool on what there is: also after a crash. */
export function openPool(
  { engine, environment, devices, paths, clock }: Omit<PoolBed, 'pool'>,
  shape: StripeShape = shape42,
  holdOn?: (kv: Kv) => Promise<Hold>,
): Promise<WarmPool> {
  const kv = openOptimistic(engine, { merge: (_key, _existing, operand) => operand });
  const given = { kv, environment, reduction, devices: paths, shape, places: devices };
  return clock.run((async () => openWarmPool({ ...given, ...(holdOn && { hold: await holdOn(kv) }) }))());
}

/** Background work until there is none; devices are looked at as if time had passed. */
export async function settle({ pool, clock }: Pick<PoolBed, 'pool' | 'clock'>): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await clock.settle();
    clock.pass(60_000);
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const { step } of pool.steps) isBusy = (await clock.run(step())) === 'busy' || isBusy;
    }
  }
}

export async function checkImage(
  { pool, clock }: Pick<PoolBed, 'pool' | 'clock'>,
  segment: Segment,
): Promise<void> {
  const { id, image } = segment;
  const bytes = await clock.run(pool.read(id, 0, image.length));
  assert.ok(Buffer.from(image).equals(bytes), `segment ${id} reads as it was written`);
}

export const placeOf = ({ devices }: PoolBed, path: string): MemoryPlace =>
  devices.places.get(path) ?? assert.fail(`there is no place ${path}`);

/** All shards there are of a segment. */
export const shardsOf = ({ devices }: PoolBed, id: SegmentId): readonly { path: string; index: number }[] =>
  [...devices.places].flatMap(([path, place]) =>
    place.names().flatMap((name) => (name.id === id ? [{ path, index: name.index }] : [])),
  );

export const faults =
  (code: FaultCode, detail = /./) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.code === code && detail.test(cause.detail);

/** A pool with some segments. */
export async function filled(
  count = 6,
  segments = 4,
  options = {},
): Promise<{ bed: PoolBed; all: readonly Segment[] }> {
  const bed = await openBed({ count, ...options });
  const all = [];
  for (let n = 1; n <= segments; n++) {
    const segment = await segmentOf(n, bed.pool.traits.shape);
    await bed.clock.run(bed.pool.put(segment.id, segment.packed));
    all.push(segment);
  }
  return { bed, all };
}
