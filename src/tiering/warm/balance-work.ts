import {
  WARM_DEVICE_FREE_BYTES_MIN,
  WARM_IMBALANCE_MAX,
  WARM_SEGMENTS_PER_STEP,
} from '../../limits/tiering.ts';
import type { SegmentId } from '../segment-store.ts';
import type { Member } from './member.ts';
import { moveTo } from './mend-segment.ts';
import type { PoolParts } from './pool-parts.ts';
import type { Stripe } from './records.ts';
import { inspect } from './shards.ts';

export interface BalanceProgress {
  readonly isRunning: boolean;
  /** Segments. */
  readonly done: number;
  readonly total: number;
  readonly moved: number;
}

/** Moves shards from the fullest devices to the emptiest, one at a time, after a device has been added. */
export class BalanceWork {
  readonly #parts: PoolParts;
  #isRunning = false;
  #isWanted = true;
  #cursor: SegmentId | undefined;
  #counts = { done: 0, total: 0, moved: 0 };

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /** Looks soon whether devices are unevenly full. */
  want(): void {
    this.#isWanted = true;
  }

  progress(): BalanceProgress {
    return { isRunning: this.#isRunning, ...this.#counts };
  }

  async step(): Promise<'busy' | 'idle'> {
    if (!this.#isRunning) {
      const isUneven = this.#isWanted && this.#gap() > WARM_IMBALANCE_MAX;
      this.#isWanted = false;
      if (!isUneven) return 'idle';
      this.#isRunning = true;
      this.#cursor = undefined;
      this.#counts = { done: 0, total: this.#parts.stripes.count, moved: 0 };
    }
    const page = await this.#parts.stripes.some(this.#cursor, WARM_SEGMENTS_PER_STEP);
    for (const { id } of page) {
      if (await this.#level(id)) this.#counts.moved += 1;
      this.#counts.done += 1;
      this.#cursor = id;
    }
    if (page.length === 0 || this.#gap() < WARM_IMBALANCE_MAX / 2) this.#isRunning = false;
    return 'busy';
  }

  #gap(): number {
    const fills = this.#parts.members
      .all()
      .filter(({ isPresent }) => isPresent)
      .map((member) => this.#fillOf(member));
    return fills.length === 0 ? 0 : Math.max(...fills) - Math.min(...fills);
  }

  /** Share of what the pool may use of a device that it uses. */
  #fillOf({ record, space }: Member): number {
    const { bytes } = this.#parts.stripes.useOf(record.number);
    return bytes / Math.max(1, bytes + space.bytesFree - WARM_DEVICE_FREE_BYTES_MIN);
  }

  /** Moves one shard of a segment, if that makes devices more even by half of what is allowed. */
  #level(id: SegmentId): Promise<boolean> {
    const { locks, stripes } = this.#parts;
    return locks.run(id, async () => {
      const stripe = await stripes.get(id);
      const pair = stripe === undefined ? undefined : this.#pairOf(stripe);
      if (stripe === undefined || pair === undefined) return false;
      const { index, from, to } = pair;
      const found = await inspect(this.#parts.reduction, from, { id, stripe, index });
      if (found.state === 'damaged' || found.state === 'unreadable') this.#parts.wantRepair(id);
      if (found.state !== 'sound') return false;
      return (await moveTo(this.#parts, to, { id, stripe, index, bytes: found.bytes })) !== undefined;
    });
  }

  #pairOf({
    devices,
  }: Stripe): { readonly index: number; readonly from: Member; readonly to: Member } | undefined {
    const { members } = this.#parts;
    const holders = devices
      .map((device, index) => ({ index, from: members.byNumber(device) }))
      .filter((it): it is { index: number; from: Member } => it.from?.isUsable === true)
      .toSorted((a, b) => this.#fillOf(b.from) - this.#fillOf(a.from));
    const [fullest] = holders;
    const [emptiest] = members
      .writable()
      .filter(({ record }) => !devices.includes(record.number))
      .toSorted((a, b) => this.#fillOf(a) - this.#fillOf(b));
    if (fullest === undefined || emptiest === undefined) return undefined;
    const gain = this.#fillOf(fullest.from) - this.#fillOf(emptiest);
    return gain > WARM_IMBALANCE_MAX / 2 ? { ...fullest, to: emptiest } : undefined;
  }
}
