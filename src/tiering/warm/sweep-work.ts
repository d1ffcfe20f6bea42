import { Fault } from '../../fault.ts';
import type { Member } from './member.ts';
import type { PoolParts } from './pool-parts.ts';
import { NOWHERE, type Stripe } from './records.ts';
import type { ShardName } from './shard-device.ts';
import { discard, inspect } from './shards.ts';

/** Of one device, the rest of the walk over it. */
interface Pages {
  readonly member: Member;
  readonly iterator: AsyncIterator<readonly ShardName[]>;
}

/**
 * Walks over what lies on the devices, and takes away shards that no stripe says are there: of writes that were broken off, of
 * segments that were deleted or moved while the device was away. A shard that its stripe misses is taken over instead. Shards of
 * segments that are younger than the rows stay: who restores older metadata can still restore newer.
 */
export class SweepWork {
  readonly #parts: PoolParts;
  #isWanted = true;
  /** A walk has gone over all devices that are in service. */
  #hasLooked = false;
  /** The walk under way has passed over a device that is in service. */
  #hasSkipped = false;
  /** Something was left because newer metadata may name it. */
  #hasLeft = false;
  #left: Member[] = [];
  #pages: Pages | undefined;
  /** Shards that were left, of segments that the rows are too old to know, by device. */
  readonly #unknown = new Map<Member, number>();

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  want(): void {
    this.#isWanted = true;
  }

  /** How many shards the last walk left because the rows may be too old to know them. */
  unknownOn(member: Member): number {
    return this.#unknown.get(member) ?? 0;
  }

  /** One page of one device. */
  async step(): Promise<'busy' | 'idle'> {
    if (this.#hasLeft && this.#parts.hold?.allows === true) {
      this.#hasLeft = false;
      this.want();
    }
    const pages = this.#pages ?? (await this.#next());
    if (pages === undefined) return 'idle';
    try {
      const page = await pages.member.call(() => pages.iterator.next());
      if (page.done === true) this.#pages = undefined;
      else await this.#sweep(pages.member, page.value);
    } catch (cause) {
      // A device that fails is swept when it answers again.
      if (!(cause instanceof Fault && cause.subject === 'device')) throw cause;
      this.#pages = undefined;
      this.#hasSkipped = true;
    }
    return 'busy';
  }

  async #next(): Promise<Pages | undefined> {
    if (this.#left.length === 0 && this.#isWanted) {
      this.#isWanted = false;
      this.#hasSkipped = false;
      this.#left = [...this.#parts.members.all()];
    }
    for (let member = this.#left.shift(); member !== undefined; member = this.#left.shift()) {
      const { device } = member;
      // It comes up when it is there, or is given up.
      if (!member.isUsable && member.isExpected) this.#hasSkipped = true;
      if (!member.isUsable || device === undefined) continue;
      this.#unknown.delete(member);
      this.#pages = { member, iterator: device.list()[Symbol.asyncIterator]() };
      return this.#pages;
    }
    if (this.#hasLooked || this.#hasSkipped) return undefined;
    this.#hasLooked = true;
    await this.#parts.hold?.looked();
    return undefined;
  }

  async #sweep(member: Member, names: readonly ShardName[]): Promise<void> {
    const stripes = await this.#parts.stripes.getMany(names.map(({ id }) => id));
    for (const [at, name] of names.entries()) {
      if (!isNamed(stripes[at], member, name)) await this.#settle(member, name);
    }
  }

  /** Alone with the segment: a write of it that was under way has ended. */
  async #settle(member: Member, name: ShardName): Promise<void> {
    const { locks, stripes } = this.#parts;
    await locks.run(name.id, async () => {
      const stripe = await stripes.get(name.id);
      if (isNamed(stripe, member, name)) return;
      if (stripe !== undefined && (await this.#isKept(stripe, member, name))) return;
      if (stripe === undefined && !(await this.#mayForget(name))) {
        this.#unknown.set(member, this.unknownOn(member) + 1);
      } else if (this.#parts.hold?.allows === false) this.#hasLeft = true;
      else await discard(member, name);
    });
  }

  async #mayForget({ id }: ShardName): Promise<boolean> {
    const { hold, stripes } = this.#parts;
    const isFree = (await hold?.mayForget(id)) ?? true;
    return isFree && stripes.wouldKnow(id);
  }

  /**
   * Whether a shard stays that its stripe does not name here: because the stripe misses it. It names this one from now on where that
   * can be; else it may be the only one all the same, as when older metadata have moved it.
   */
  async #isKept(stripe: Stripe, member: Member, name: ShardName): Promise<boolean> {
    if (name.generation !== stripe.generation || name.index >= stripe.devices.length) return false;
    const place = await this.#placeOf(stripe, name);
    if (place !== 'lacks') return place === 'unknown';
    const found = await inspect(this.#parts.reduction, member, { id: name.id, stripe, index: name.index });
    if (found.state === 'sound') await this.#take(stripe, member, name);
    return found.state !== 'damaged';
  }

  /** Whether the device that a stripe names has the shard. */
  async #placeOf({ devices }: Stripe, name: ShardName): Promise<'has' | 'lacks' | 'unknown'> {
    const holder = devices[name.index];
    const home =
      holder === undefined || holder === NOWHERE ? undefined : this.#parts.members.byNumber(holder);
    if (home === undefined || home.isMissing) return 'lacks';
    try {
      const length = await home.call((device) => device.lengthOf(name));
      return length === undefined ? 'lacks' : 'has';
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      return 'unknown';
    }
  }

  /** The claim keeps the device in the pool until the stripe names it. */
  async #take(stripe: Stripe, member: Member, { id, index }: ShardName): Promise<void> {
    const { number, state } = member.record;
    if (state !== 'in-service' || stripe.devices.includes(number)) return;
    member.claims += 1;
    try {
      await this.#parts.stripes.change(id, stripe, {
        ...stripe,
        devices: stripe.devices.with(index, number),
      });
    } finally {
      member.claims -= 1;
    }
  }
}

const isNamed = (stripe: Stripe | undefined, member: Member, { generation, index }: ShardName): boolean =>
  stripe?.generation === generation && stripe.devices[index] === member.record.number;
