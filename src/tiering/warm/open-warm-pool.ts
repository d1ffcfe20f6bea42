import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { WARM_DEVICE_FREE_BYTES_MIN, WARM_IMAGE_BYTES_MAX, WARM_WATCH_MS } from '../../limits/tiering.ts';
import type { StripeShape } from '../../workers/erasure.ts';
import type { Packed, Reduction } from '../../workers/reduction.ts';
import type { SegmentHealth, SegmentId, StoreTraits } from '../segment-store.ts';
import { BalanceWork } from './balance-work.ts';
import { DeviceRows } from './device-rows.ts';
import { directoryDevices } from './directory-devices.ts';
import type { Member } from './member.ts';
import { Members } from './members.ts';
import { Membership } from './membership.ts';
import { mendSegment } from './mend-segment.ts';
import { poolAlerts, type PoolAlert } from './pool-alerts.ts';
import type { Hold } from '../hold.ts';
import type { PoolParts } from './pool-parts.ts';
import { SegmentReader } from './read-segment.ts';
import { NOWHERE, type Stripe } from './records.ts';
import { RepairWork } from './repair-work.ts';
import { SegmentLocks } from './segment-locks.ts';
import type { ShardDevices } from './shard-device.ts';
import { discard, nameOf } from './shards.ts';
import { Stripes } from './stripes.ts';
import { SweepWork } from './sweep-work.ts';
import type { WarmDevice, WarmPool, WarmPoolState, WarmStep } from './warm-pool.ts';
import { writeSegment } from './write-segment.ts';

export interface WarmPoolGiven {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly reduction: Reduction;
  /** Paths of the config, absolute. Rows know others: what was added or replaced while the gateway ran. */
  readonly devices: readonly string[];
  /** As configured. */
  readonly shape: StripeShape;
  readonly imageBytesMax?: number;
  readonly hold?: Hold;
  /** Directories of this machine, where nothing else is said. */
  readonly places?: ShardDevices;
}

/**
 * The pool that the rows describe, with the devices of the config that they do not know yet. It opens with devices missing,
 * and says so. Fault('invalid-argument', 'device') with one sentence for a new device that cannot be one. Its `steps` must be run.
 */
export async function openWarmPool(given: WarmPoolGiven): Promise<WarmPool> {
  const { kv, environment, shape } = given;
  const rows = await DeviceRows.open(kv, environment.random);
  const stripes = await Stripes.open(kv);
  const pool = new OpenPool(given, { members: new Members(shape, environment.random), rows, stripes });
  await pool.open(given.devices);
  return pool;
}

/** Whether rows name a device: then there is a pool to open, whatever the config says. */
export async function hasWarmPool(kv: Kv): Promise<boolean> {
  const records = await DeviceRows.recordsOf(kv);
  return records.some(({ state }) => state !== 'removed');
}

class OpenPool implements WarmPool {
  readonly steps: readonly WarmStep[];
  readonly #environment: Environment;
  readonly #imageBytesMax: number;
  readonly #parts: PoolParts;
  readonly #reader: SegmentReader;
  readonly #repair: RepairWork;
  readonly #sweep: SweepWork;
  readonly #balance: BalanceWork;
  readonly #membership: Membership;
  /** When devices are looked at next, on the clock that only moves forward. */
  #watchAt = 0;

  constructor(
    {
      environment,
      reduction,
      hold,
      imageBytesMax = WARM_IMAGE_BYTES_MAX,
      places = directoryDevices(),
    }: WarmPoolGiven,
    {
      members,
      rows,
      stripes,
    }: { readonly members: Members; readonly rows: DeviceRows; readonly stripes: Stripes },
  ) {
    this.#environment = environment;
    this.#imageBytesMax = imageBytesMax;
    const shared = { environment, reduction, members, stripes, hold, locks: new SegmentLocks() };
    this.#parts = {
      ...shared,
      wantRepair: (id) => this.#repair.want(id),
      wantSweep: () => this.#sweep.want(),
    };
    this.#reader = new SegmentReader(this.#parts);
    this.#repair = new RepairWork(this.#parts);
    this.#sweep = new SweepWork(this.#parts);
    this.#balance = new BalanceWork(this.#parts);
    const changed = (): void => this.#devicesChanged();
    const troubled = (): void => void (this.#watchAt = 0);
    this.#membership = new Membership({
      ...{ environment, rows, members, stripes, changed, troubled },
      places,
      mayErase: () => hold === undefined || hold.allows,
    });
    this.steps = [
      { name: 'warm-devices', step: () => this.#watch() },
      { name: 'warm-repair', step: () => this.#repair.step() },
      { name: 'warm-sweep', step: () => this.#sweep.step() },
      { name: 'warm-balance', step: () => this.#balance.step() },
    ];
  }

  /** At the start every shard is asked for once. */
  async open(devices: readonly string[]): Promise<void> {
    await this.#membership.open(devices);
    this.#devicesChanged();
  }

  get traits(): StoreTraits {
    const { members } = this.#parts;
    const shape = members.shape() ?? members.configured;
    return { tier: 'warm', shape, access: 'immediate', imageBytesMax: this.#imageBytesMax };
  }

  put(id: SegmentId, packed: Packed): Promise<void> {
    return writeSegment(this.#parts, id, packed);
  }

  read(id: SegmentId, offset: number, length: number): Promise<Uint8Array> {
    return this.#reader.read(id, offset, length);
  }

  async imageBytes(id: SegmentId): Promise<number> {
    const stripe = await this.#parts.stripes.get(id);
    if (stripe === undefined) throw new Fault('not-found', 'store', `there is no segment ${id}`);
    return stripe.shape.data * stripe.shardBytes;
  }

  async delete(id: SegmentId): Promise<void> {
    const { locks, stripes } = this.#parts;
    await locks.run(id, async () => {
      const stripe = await stripes.get(id);
      if (stripe === undefined) return;
      await stripes.remove(id, stripe);
      const areGone = await Promise.all(stripe.devices.map((_, index) => this.#discard(id, stripe, index)));
      if (!areGone.every(Boolean)) this.#sweep.want();
    });
  }

  async *list(after?: SegmentId): AsyncIterable<readonly SegmentId[]> {
    for await (const page of this.#parts.stripes.pages(after)) yield page.map(({ id }) => id);
  }

  async scrub(id: SegmentId): Promise<SegmentHealth> {
    const mended = await mendSegment(this.#parts, id);
    if (mended === undefined) throw new Fault('not-found', 'store', `there is no segment ${id}`);
    const { checked, corrupt, healed, isWhole } = mended;
    return { checked, corrupt, healed, isWhole };
  }

  weak(): readonly SegmentId[] {
    return this.#repair.takeWeak();
  }

  async recall(): Promise<boolean> {
    return true;
  }

  /** Of plain images: what parity takes is not counted. */
  usage(): { readonly bytesTotal: number; readonly bytesFree: number } {
    const { data, parity } = this.traits.shape;
    const volumes = new Map(
      this.#parts.members
        .all()
        .filter(({ record, isMissing }) => record.state === 'in-service' && !isMissing)
        .map(({ space }) => [space.volume, space]),
    );
    const sum = (of: (space: Member['space']) => number): number =>
      Math.floor(([...volumes.values()].reduce((so, space) => so + of(space), 0) * data) / (data + parity));
    return {
      bytesTotal: sum(({ bytesTotal }) => bytesTotal),
      bytesFree: sum(({ bytesFree }) => Math.max(0, bytesFree - WARM_DEVICE_FREE_BYTES_MIN)),
    };
  }

  state(): WarmPoolState {
    const { members, stripes } = this.#parts;
    const away = members.all().filter(({ isMissing }) => isMissing);
    const missing = away.map(({ record }) => stripes.useOf(record.number).shards);
    return {
      configured: members.configured,
      shape: members.shape(),
      devices: members.all().map((member) => this.#deviceOf(member)),
      segments: stripes.count,
      shardsMissing: missing.reduce((sum, shards) => sum + shards, stripes.useOf(NOWHERE).shards),
      repair: this.#repair.progress(),
      balance: this.#balance.progress(),
    };
  }

  alerts(): readonly PoolAlert[] {
    const { members, stripes } = this.#parts;
    return poolAlerts(members, {
      stripes,
      repair: this.#repair.progress(),
      unknownOn: (member) => this.#sweep.unknownOn(member),
    });
  }

  rebuild(): void {
    for (const member of this.#parts.members.all()) member.isGivenUp = member.isMissing || member.isReadOnly;
    this.#repair.wantAll();
  }

  add(path: string): Promise<void> {
    return this.#membership.add(path);
  }

  drain(path: string): Promise<void> {
    return this.#membership.drain(path);
  }

  replace(old: string, path: string): Promise<void> {
    return this.#membership.replace(old, path);
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.members.all().map((member) => member.close()));
  }

  #devicesChanged(): void {
    this.#watchAt = 0;
    this.#repair.wantAll();
    this.#sweep.want();
    this.#balance.want();
  }

  async #watch(): Promise<'idle'> {
    const now = this.#environment.clock.monotonic();
    if (now >= this.#watchAt) {
      this.#watchAt = now + WARM_WATCH_MS;
      await this.#membership.watch();
    }
    return 'idle';
  }

  async #discard(id: SegmentId, stripe: Stripe, index: number): Promise<boolean> {
    const device = stripe.devices[index]!;
    if (device === NOWHERE) return true;
    return discard(this.#parts.members.byNumber(device), nameOf(id, stripe, index));
  }

  #deviceOf(member: Member): WarmDevice {
    const { record, space, errors, absence, kind } = member;
    const { shards, bytes } = this.#parts.stripes.useOf(record.number);
    const successor = this.#parts.members.byNumber(record.successor)?.record.path;
    const isDraining = record.state === 'draining';
    return {
      path: record.path,
      ...(kind !== undefined && { kind }),
      state: stateOf(member),
      isDraining,
      ...(member.isMissing ? { reason: absence } : member.isReadOnly && { reason: 'it takes no writes' }),
      ...(successor !== undefined && { successor }),
      bytesTotal: space.bytesTotal,
      bytesFree: space.bytesFree,
      shards,
      bytesStored: bytes,
      errors,
    };
  }
}

function stateOf(member: Member): WarmDevice['state'] {
  if (member.isMissing) return 'missing';
  if (member.isStalled || member.isResting || member.isReadOnly) return 'failing';
  return member.record.state === 'draining' ? 'draining' : 'in-service';
}
