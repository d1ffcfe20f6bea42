import path from 'node:path';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { WARM_DEVICE_MS_MAX, WARM_MISSING_MS_MAX } from '../../limits/tiering.ts';
import { settlesWithin } from './deadline.ts';
import type { DeviceRows } from './device-rows.ts';
import { Member } from './member.ts';
import type { Members } from './members.ts';
import type { DeviceRecord } from './records.ts';
import { widthOf } from './shape.ts';
import type { DeviceSpace, ShardDevice, ShardDevices } from './shard-device.ts';
import type { Stripes } from './stripes.ts';

export interface MembershipParts {
  readonly environment: Environment;
  readonly rows: DeviceRows;
  readonly places: ShardDevices;
  readonly members: Members;
  readonly stripes: Stripes;
  /** Whether a device that no stripe names may be erased: not while newer metadata may name what lies there. */
  readonly mayErase: () => boolean;
  /** Hears that devices have come, gone or changed: what lies where is looked at. */
  readonly changed: () => void;
  /** Hears that a call of a device has failed. */
  readonly troubled: () => void;
}

/** Which devices belong to the pool, and whether they are there. */
export class Membership {
  readonly #parts: MembershipParts;
  /** Places that are being looked for: one that hangs is not looked for again. */
  readonly #sought = new Set<Member>();
  /** Who took new shards when they were last looked at. */
  #writable: ReadonlySet<Member> = new Set();
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  /** The devices that rows name, and those of the config that none does. Missing ones are waited for, others are refused. */
  async open(configured: readonly string[]): Promise<void> {
    const { environment, rows, members } = this.#parts;
    const records = await rows.all();
    for (const record of records) {
      if (isLeftOver(record, { records, configured })) await rows.forget(record);
      else members.add(this.#memberOf(record));
    }
    await Promise.all(members.all().map((member) => this.#seek(member)));
    for (const member of members.all()) {
      if (member.record.state === 'new') await this.#make(member);
    }
    for (const place of configured) {
      const known = records.filter((record) => record.path === place);
      if (known.length === 0) await this.add(place);
      else if (known.every(({ state }) => state === 'removed')) {
        environment.log.warn('a warm device of the config has been taken out of the pool', { path: place });
      }
    }
    this.#writable = new Set(members.writable());
  }

  /** Takes an empty place into the pool, or one that is being drained back into service. */
  add(place: string): Promise<void> {
    return this.#alone(async () => {
      const there = this.#parts.members.byPath(place);
      if (there !== undefined) return this.#putBack(there);
      await this.#make(await this.#recorded(place));
      this.#parts.changed();
    });
  }

  /** Nothing new is written there, and its shards move to the others; then it is taken out. */
  drain(place: string): Promise<void> {
    return this.#alone(async () => {
      const { members, stripes, rows } = this.#parts;
      const member = this.#known(place);
      const others = members.all().filter((it) => it !== member && it.record.state === 'in-service');
      const width = widthOf(members.configured);
      if (others.length < width && stripes.useOf(member.record.number).shards > 0) {
        const detail = `Without ${place} the warm pool has ${others.length} devices, and segments lie on ${width}: add a device first, or use terrace warm replace ${place} NEW.`;
        throw new Fault('conflict', 'device', detail);
      }
      const draining: DeviceRecord = { ...member.record, state: 'draining' };
      await rows.change([draining]);
      member.record = draining;
      this.#parts.changed();
    });
  }

  /** Takes an empty place into the pool that gets all shards of `old`, from there or made anew; then `old` is taken out. */
  replace(old: string, place: string): Promise<void> {
    return this.#alone(async () => {
      const { members, rows } = this.#parts;
      const from = this.#known(old);
      const there = members.byPath(place);
      if (there !== undefined && (there !== from || !from.isMissing)) {
        throw new Fault('exists', 'device', `${place} is a device of the warm pool: choose another place.`);
      }
      const to = await this.#recorded(place);
      await this.#mark(to);
      const draining: DeviceRecord = { ...from.record, state: 'draining', successor: to.record.number };
      const inService: DeviceRecord = { ...to.record, state: 'in-service' };
      await rows.change([draining, inService]);
      from.record = draining;
      to.record = inService;
      this.#parts.changed();
    });
  }

  /** Looks at every device once: whether it is there, how full it is, and whether it may go. */
  async watch(): Promise<void> {
    await Promise.all(this.#parts.members.all().map((member) => this.#look(member)));
    const writable = new Set(this.#parts.members.writable());
    const isMore = [...writable].some((member) => !this.#writable.has(member));
    this.#writable = writable;
    if (isMore) this.#parts.changed();
  }

  async #look(member: Member): Promise<void> {
    if (member.isMissing) {
      // Who hangs holds a thread, and is not given another one.
      if (!member.isStalled) await this.#seek(member);
    } else if (!member.isStalled) await this.#probe(member);
    if (!member.isMissing && member.isSilent) this.#detach(member, 'it fails or does not answer');
    this.#giveUp(member);
    await this.#finish(member);
  }

  async #probe(member: Member): Promise<void> {
    try {
      await member.probe().catch((cause: unknown) => {
        if (!(cause instanceof Fault && cause.code === 'no-space')) throw cause;
      });
      member.space = await member.measured();
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      if (cause.code === 'not-found') this.#detach(member, cause.detail);
    }
  }

  #detach(member: Member, reason: string): void {
    this.#parts.environment.log.error('a warm device has gone', { path: member.record.path, reason });
    member.detach(reason);
  }

  async #seek(member: Member): Promise<void> {
    if (this.#sought.has(member) || member.record.state === 'new') return;
    this.#sought.add(member);
    const { clock } = this.#parts.environment;
    const seeking = this.#find(member).finally(() => this.#sought.delete(member));
    if (await settlesWithin(clock, seeking, WARM_DEVICE_MS_MAX)) return seeking;
    seeking.catch(() => undefined);
    member.absence = 'it does not answer';
  }

  async #find(member: Member): Promise<void> {
    const { rows, places, environment, changed } = this.#parts;
    const { path: place, id } = member.record;
    try {
      const device = await places.find(place, { pool: rows.poolId, device: id });
      member.attach(device, await device.space());
      environment.log.info('a warm device is there', { path: place });
      changed();
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      if (member.absence !== cause.detail) {
        environment.log.warn('a warm device is missing', { path: place, reason: cause.detail });
      }
      member.missingSince ??= environment.clock.monotonic();
      member.absence = cause.detail;
    }
  }

  /** Its shards are made anew elsewhere. When it comes back all the same, what it has too much is swept. */
  #giveUp(member: Member): void {
    const { awaySince } = member;
    if (awaySince === undefined || member.isGivenUp) return;
    if (this.#parts.environment.clock.monotonic() - awaySince < WARM_MISSING_MS_MAX) return;
    member.isGivenUp = true;
    this.#parts.changed();
  }

  /** A device that is drained and empty leaves the pool. */
  async #finish(member: Member): Promise<void> {
    const { stripes, rows, environment, mayErase } = this.#parts;
    const isOver = (): boolean =>
      member.record.state === 'draining' &&
      (member.isMissing || mayErase()) &&
      stripes.useOf(member.record.number).shards === 0 &&
      member.claims === 0;
    if (!isOver()) return;
    await this.#alone(async () => {
      if (!isOver()) return;
      if (member.isUsable) await member.call((device) => device.retire()).catch(ifDevice);
      const removed: DeviceRecord = { ...member.record, state: 'removed' };
      await rows.change([removed]);
      member.record = removed;
      await member.close();
      environment.log.info('a warm device has been taken out', { path: removed.path });
    });
  }

  async #putBack(member: Member): Promise<void> {
    const { state, successor, path: place } = member.record;
    if (state !== 'draining' || successor !== 0) {
      throw new Fault('exists', 'device', `${place} is a device of the warm pool already.`);
    }
    const inService: DeviceRecord = { ...member.record, state: 'in-service' };
    await this.#parts.rows.change([inService]);
    member.record = inService;
    this.#parts.changed();
  }

  #known(place: string): Member {
    const member = this.#parts.members.byPath(place);
    if (member === undefined) {
      throw new Fault(
        'not-found',
        'device',
        `${place} is no device of the warm pool: see terrace warm list.`,
      );
    }
    if (member.record.state !== 'in-service') {
      throw new Fault('conflict', 'device', `${place} is on its way out of the warm pool already.`);
    }
    return member;
  }

  /** A new member for a place that lies in no other device, nor around one. */
  async #recorded(place: string): Promise<Member> {
    const { members, rows } = this.#parts;
    const wanted = await this.#placeOf(place);
    for (const { record, isMissing } of members.all()) {
      const other = await this.#placeOf(record.path);
      if (isMissing && other === wanted) continue;
      if (isWithin(wanted, other) || isWithin(other, wanted)) {
        const detail = `The warm device ${place} and ${record.path} are the same place, or one is in the other: choose another one.`;
        throw new Fault('invalid-argument', 'device', detail);
      }
    }
    const member = this.#memberOf(await rows.add(place));
    members.add(member);
    return member;
  }

  /** A path that hangs is taken as it is written: such a device is to be replaced. */
  async #placeOf(place: string): Promise<string> {
    const { places, environment } = this.#parts;
    const seeking = places.placeOf(place);
    if (await settlesWithin(environment.clock, seeking, WARM_DEVICE_MS_MAX)) return seeking;
    seeking.catch(() => undefined);
    return path.resolve(place);
  }

  async #make(member: Member): Promise<void> {
    await this.#mark(member);
    const inService: DeviceRecord = { ...member.record, state: 'in-service' };
    await this.#parts.rows.change([inService]);
    member.record = inService;
  }

  /** Makes the place a device. When it is none for us, nobody remembers that it was asked for. */
  async #mark(member: Member): Promise<void> {
    const { rows, members } = this.#parts;
    try {
      const { device, space } = await this.#made(member);
      member.attach(device, space);
    } catch (cause) {
      members.remove(member);
      await rows.forget(member.record);
      throw cause;
    }
  }

  async #made({ record }: Member): Promise<{ readonly device: ShardDevice; readonly space: DeviceSpace }> {
    const { places, rows } = this.#parts;
    const making = places
      .make(record.path, { pool: rows.poolId, device: record.id })
      .then(async (device) => ({ device, space: await device.space() }));
    if (await settlesWithin(this.#parts.environment.clock, making, WARM_DEVICE_MS_MAX)) return making;
    making.catch(() => undefined);
    throw new Fault(
      'unavailable',
      'device',
      `The warm device ${record.path} does not answer: choose another one.`,
    );
  }

  #memberOf(record: DeviceRecord): Member {
    return new Member(record, this.#parts.environment.clock, this.#parts.troubled);
  }

  /** One change of the membership after the other. */
  #alone<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#changing.then(body);
    this.#changing = mine.catch(() => undefined);
    return mine;
  }
}

/** A crash came between the row and the order that it was made for: that must be given again, unless the config gives it. */
const isLeftOver = (
  { state, path: place, number }: DeviceRecord,
  {
    records,
    configured,
  }: { readonly records: readonly DeviceRecord[]; readonly configured: readonly string[] },
): boolean =>
  state === 'new' &&
  (!configured.includes(place) ||
    records.some((it) => it.number !== number && it.path === place && it.state !== 'removed'));

const isWithin = (inner: string, outer: string): boolean => {
  const way = path.relative(outer, inner);
  return way === '' || (!way.startsWith('..') && !path.isAbsolute(way));
};

/** The device is taken out all the same; what is left there is nobody's. */
const ifDevice = (cause: unknown): void => {
  if (!(cause instanceof Fault && cause.subject === 'device')) throw cause;
};
