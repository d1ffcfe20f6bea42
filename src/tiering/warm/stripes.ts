import assert from 'node:assert/strict';
import type { Kv } from '../../kv/kv.ts';
import { WARM_PAGE_ENTRIES_MAX, WARM_STRIPES_CACHED_MAX } from '../../limits/tiering.ts';
import { SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import type { NOWHERE } from './records.ts';
import {
  decodeStripe,
  encodeStripe,
  keyAfter,
  segmentIdOf,
  stripeKey,
  stripeRange,
  type DeviceNumber,
  type Stripe,
} from './records.ts';

export interface PlacedStripe {
  readonly id: SegmentId;
  readonly stripe: Stripe;
}

interface Cached {
  readonly stripe: Stripe;
  /** Of any of its shards, compared with the stripe. */
  header: Uint8Array | undefined;
}

/** What stripes take on devices. */
export interface DeviceUse {
  shards: number;
  bytes: number;
}

/** Which segments there are and where: rows, counted, the last used ones in memory. Changes come one at a time for a segment. */
export class Stripes {
  readonly #kv: Kv;
  readonly #cache = new Map<SegmentId, Cached>();
  /** Grows with every change: a row that was read before may be out of date. */
  #changeCount = 0;
  #count = 0;
  readonly #uses = new Map<number, DeviceUse>();
  /** How many stripes there are of each number of parity shards. */
  readonly #parities = new Map<number, number>();
  /** The last one that had a row at the start. */
  #lastKnown: SegmentId | undefined;
  /** The first one that this process has begun to write. */
  #firstBegun: SegmentId | undefined;

  private constructor(kv: Kv) {
    this.#kv = kv;
  }

  /** Counts all rows. */
  static async open(kv: Kv): Promise<Stripes> {
    const stripes = new Stripes(kv);
    for await (const page of stripes.pages()) {
      for (const { id, stripe } of page) {
        stripes.#add(stripe, 1);
        stripes.#lastKnown = id;
      }
    }
    return stripes;
  }

  get count(): number {
    return this.#count;
  }

  /** Called before anything of a segment is written. */
  begin(id: SegmentId): void {
    if (this.#firstBegun === undefined || id < this.#firstBegun) this.#firstBegun = id;
  }

  /**
   * Whether the rows would know a segment of this id if there was one: not when it is younger than all that they knew at the start and
   * older than what this process writes, as after a restore of older rows.
   */
  wouldKnow(id: SegmentId): boolean {
    const wasThere = this.#lastKnown !== undefined && id <= this.#lastKnown;
    return wasThere || (this.#firstBegun !== undefined && id >= this.#firstBegun);
  }

  /** How many have less parity than this. */
  countBelow(parity: number): number {
    return [...this.#parities].reduce((sum, [some, count]) => (some < parity ? sum + count : sum), 0);
  }

  /** Of a device, or of NOWHERE: what is missing. */
  useOf(device: DeviceNumber | typeof NOWHERE): Readonly<DeviceUse> {
    return this.#uses.get(device) ?? { shards: 0, bytes: 0 };
  }

  async get(id: SegmentId): Promise<Stripe | undefined> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) {
      this.#cache.delete(id);
      this.#cache.set(id, cached);
      return cached.stripe;
    }
    const changeCount = this.#changeCount;
    const value = await this.#kv.get(stripeKey(id));
    if (value === undefined) return undefined;
    const stripe = decodeStripe(value);
    if (changeCount === this.#changeCount) this.#keep(id, { stripe, header: undefined });
    return stripe;
  }

  async getMany(ids: readonly SegmentId[]): Promise<readonly (Stripe | undefined)[]> {
    const values = await this.#kv.getMany(ids.map(stripeKey));
    return values.map((value) => (value === undefined ? undefined : decodeStripe(value)));
  }

  headerOf(id: SegmentId): Uint8Array | undefined {
    return this.#cache.get(id)?.header;
  }

  /** Keeps a copy. */
  keepHeader(id: SegmentId, header: Uint8Array): void {
    assert(header.length === SHARD_HEADER_BYTES, 'a header of the wrong length');
    const cached = this.#cache.get(id);
    if (cached !== undefined) cached.header ??= Buffer.from(header);
  }

  /** Ascending, strictly after `after`. */
  async *pages(after?: SegmentId): AsyncIterable<readonly PlacedStripe[]> {
    const start = after === undefined ? stripeRange.start : keyAfter(after);
    const range = { start, end: stripeRange.end };
    for await (const page of this.#kv.scan(range, { pageEntries: WARM_PAGE_ENTRIES_MAX })) {
      yield page.map(({ key, value }) => ({ id: segmentIdOf(key), stripe: decodeStripe(value) }));
    }
  }

  /** The first ones after `after`, at most `entriesMax`. */
  async some(after: SegmentId | undefined, entriesMax: number): Promise<readonly PlacedStripe[]> {
    const start = after === undefined ? stripeRange.start : keyAfter(after);
    const range = { start, end: stripeRange.end };
    for await (const page of this.#kv.scan(range, { pageEntries: entriesMax })) {
      return page.map(({ key, value }) => ({ id: segmentIdOf(key), stripe: decodeStripe(value) }));
    }
    return [];
  }

  /** Durable when it resolves: from then on the segment is there. */
  async create(id: SegmentId, stripe: Stripe): Promise<void> {
    await this.#kv.transact('durable', async (tx) => {
      assert((await tx.get(stripeKey(id))) === undefined, `segment ${id} is there already`);
      tx.put(stripeKey(id), encodeStripe(stripe));
      tx.whenCommitted(() => this.#changed(id, undefined, stripe));
    });
  }

  /** Durable. The caller has read `before` and nobody else changes it meanwhile. */
  async change(id: SegmentId, before: Stripe, after: Stripe): Promise<void> {
    const expected = encodeStripe(before);
    await this.#kv.transact('durable', async (tx) => {
      const now = await tx.get(stripeKey(id));
      assert(
        now !== undefined && Buffer.compare(now, expected) === 0,
        `segment ${id} changed under its lock`,
      );
      tx.put(stripeKey(id), encodeStripe(after));
      tx.whenCommitted(() => this.#changed(id, before, after));
    });
  }

  /** Durable. */
  async remove(id: SegmentId, before: Stripe): Promise<void> {
    await this.#kv.transact('durable', async (tx) => {
      tx.delete(stripeKey(id));
      tx.whenCommitted(() => this.#changed(id, before, undefined));
    });
  }

  #changed(id: SegmentId, before: Stripe | undefined, after: Stripe | undefined): void {
    this.#changeCount += 1;
    if (before !== undefined) this.#add(before, -1);
    if (after !== undefined) this.#add(after, 1);
    const header = this.#cache.get(id)?.header;
    this.#cache.delete(id);
    if (after !== undefined && before !== undefined) this.#keep(id, { stripe: after, header });
  }

  #add({ shape, devices, shardBytes }: Stripe, sign: 1 | -1): void {
    this.#count += sign;
    this.#parities.set(shape.parity, (this.#parities.get(shape.parity) ?? 0) + sign);
    for (const device of devices) {
      const use = this.#uses.get(device) ?? { shards: 0, bytes: 0 };
      use.shards += sign;
      use.bytes += sign * (shardBytes + SHARD_HEADER_BYTES);
      this.#uses.set(device, use);
    }
  }

  #keep(id: SegmentId, cached: Cached): void {
    this.#cache.set(id, cached);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= WARM_STRIPES_CACHED_MAX) break;
      this.#cache.delete(oldest);
    }
  }
}
