import { Fault } from '../../fault.ts';
import {
  WARM_HEDGE_MS_FIRST,
  WARM_HEDGE_MS_MAX,
  WARM_HEDGE_MS_MIN,
  WARM_HEDGES_MAX,
} from '../../limits/tiering.ts';
import type { ShardPart } from '../../workers/erasure.ts';
import {
  blockBytesOf,
  coveringBlocks,
  SHARD_HEADER_BYTES,
  shardRanges,
  type ShardRange,
} from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import { DecayedQuantile } from './decayed-quantile.ts';
import type { Member } from './member.ts';
import type { PoolParts } from './pool-parts.ts';
import type { Stripe } from './records.ts';
import { isHeaderOf, isLost, nameOf } from './shards.ts';

/** Reads slower than this share of all begin a second way. */
const HEDGED_QUANTILE = 0.95;
const hedging = { min: WARM_HEDGE_MS_MIN, max: WARM_HEDGE_MS_MAX, first: WARM_HEDGE_MS_FIRST };
/** How often a read that finds nothing looks whether the segment has moved meanwhile. */
const MOVES_MAX = 3;

/** Whole blocks of one shard, the same ones of each shard of a call. */
interface Blocks {
  readonly firstBlock: number;
  readonly offset: number;
  readonly length: number;
}

interface Located {
  readonly id: SegmentId;
  readonly stripe: Stripe;
  /** Shards that nobody could ask for: they may be sound all the same. */
  readonly unreachable: Set<number>;
}

/** Reads ranges of segments: from the shard that has them, or decoded from others where that one is gone, damaged or slow. */
export class SegmentReader {
  readonly #parts: PoolParts;
  readonly #pace = new DecayedQuantile(HEDGED_QUANTILE, hedging);
  #hedges = 0;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  async read(id: SegmentId, offset: number, length: number): Promise<Uint8Array> {
    for (let move = 0; ; move += 1) {
      const stripe = await this.#parts.stripes.get(id);
      if (stripe === undefined) throw new Fault('not-found', 'store', `there is no segment ${id}`);
      if (offset + length > stripe.shape.data * stripe.shardBytes) {
        throw new Fault('corrupt', 'store', `segment ${id} is shorter than ${offset + length} bytes`);
      }
      try {
        const ranges = shardRanges(stripe.shardBytes, offset, length);
        const parts = await Promise.all(
          ranges.map((range) => this.#range({ id, stripe, unreachable: new Set() }, range)),
        );
        return parts.length === 1 ? parts[0]! : Buffer.concat(parts, length);
      } catch (cause) {
        // A shard that moves is deleted where it was after the commit.
        const now = await this.#parts.stripes.get(id);
        if (now === stripe || move === MOVES_MAX) throw cause;
      }
    }
  }

  async #range(of: Located, range: ShardRange): Promise<Uint8Array> {
    const { shape, shardBytes } = of.stripe;
    const blocks = coveringBlocks({ blockBytes: blockBytesOf(shape, shardBytes), shardBytes }, range);
    const bytes = await this.#blocks(of, range.index, blocks);
    const start = range.offset - blocks.offset;
    return bytes.subarray(start, start + range.length);
  }

  async #blocks(of: Located, index: number, blocks: Blocks): Promise<Uint8Array> {
    const member = this.#parts.members.byNumber(of.stripe.devices[index]!);
    if (member?.isUsable !== true) return this.#decoded(of, index, blocks);
    const direct = this.#timed(this.#direct(of, { index, member, blocks }));
    const other = (): Promise<Uint8Array> => this.#decoded(of, index, blocks);
    return this.#hedged(direct, other, member.load > this.#pace.value ? 0 : this.#pace.value);
  }

  async #timed<T>(reading: Promise<T>): Promise<T> {
    const { clock } = this.#parts.environment;
    const begunAt = clock.monotonic();
    const value = await reading;
    this.#pace.record(clock.monotonic() - begunAt);
    return value;
  }

  /** The first way; the second one as well when the first fails, or has not come after `patienceMs`: who is first wins. */
  async #hedged(
    first: Promise<Uint8Array>,
    second: () => Promise<Uint8Array>,
    patienceMs: number,
  ): Promise<Uint8Array> {
    const timer = new AbortController();
    const waited = this.#parts.environment.clock.sleep(patienceMs, timer.signal).catch(() => undefined);
    const hasCome = await Promise.race([first.then(() => true), waited.then(() => false)]).catch(() => true);
    timer.abort();
    if (hasCome || this.#hedges >= WARM_HEDGES_MAX) return first.catch(() => second());
    this.#hedges += 1;
    const ways = [first, second()];
    void Promise.allSettled(ways).then(() => (this.#hedges -= 1));
    try {
      return await Promise.any(ways);
    } catch (cause) {
      const failures: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
      throw failures.at(-1);
    }
  }

  /** Blocks of one shard from its device, compared with their checksums; with its header where none is known yet. */
  async #direct(
    of: Located,
    { index, member, blocks }: { readonly index: number; readonly member: Member; readonly blocks: Blocks },
  ): Promise<Uint8Array> {
    const name = nameOf(of.id, of.stripe, index);
    const reading = member.call((device) =>
      device.read(name, SHARD_HEADER_BYTES + blocks.offset, blocks.length),
    );
    try {
      const [header, bytes] = await Promise.all([this.#header(of, index, member), reading]);
      const damaged = await this.#parts.reduction.damaged(header, blocks.firstBlock, { index, bytes });
      if (damaged.length > 0) throw new Fault('corrupt', 'device', `damaged blocks on ${member.record.path}`);
      return bytes;
    } catch (cause) {
      if (!isLost(cause)) of.unreachable.add(index);
      if (isLost(cause) || member.isUsable) this.#parts.wantRepair(of.id);
      throw cause;
    }
  }

  async #header(of: Located, index: number, member: Member): Promise<Uint8Array> {
    const { stripes } = this.#parts;
    const kept = stripes.headerOf(of.id);
    if (kept !== undefined) return kept;
    const name = nameOf(of.id, of.stripe, index);
    const header = await member.call((device) => device.read(name, 0, SHARD_HEADER_BYTES));
    if (!isHeaderOf({ ...of, index }, header)) {
      throw new Fault('corrupt', 'device', `a damaged header on ${member.record.path}`);
    }
    stripes.keepHeader(of.id, header);
    return header;
  }

  /** The same blocks of as many other shards as hold data, and what they give for this one. */
  async #decoded(of: Located, wanted: number, blocks: Blocks): Promise<Uint8Array> {
    const { present, header } = await this.#gather(of, wanted, blocks);
    const { firstBlock } = blocks;
    const recovered = await this.#parts.reduction.recover({ header, firstBlock, present }, [wanted]);
    if (recovered?.[0] === undefined) {
      throw new Fault('corrupt', 'store', `segment ${of.id} does not decode to what was written`);
    }
    return recovered[0];
  }

  async #gather(
    of: Located,
    wanted: number,
    blocks: Blocks,
  ): Promise<{ readonly present: readonly ShardPart[]; readonly header: Uint8Array }> {
    const { members } = this.#parts;
    const all = of.stripe.devices.map((device, index) => ({ index, member: members.byNumber(device) }));
    const candidates = all
      .filter((it): it is { index: number; member: Member } => it.member?.isUsable === true)
      .filter(({ index }) => index !== wanted)
      .toSorted((a, b) => a.member.load - b.member.load);
    const present: ShardPart[] = [];
    const { data } = of.stripe.shape;
    const headers: Uint8Array[] = [];
    const takeOne = async (): Promise<void> => {
      for (let next = candidates.shift(); next !== undefined; next = candidates.shift()) {
        try {
          const bytes = await this.#direct(of, { ...next, blocks });
          headers.push(await this.#header(of, next.index, next.member));
          present.push({ index: next.index, bytes });
          return;
        } catch (cause) {
          if (!(cause instanceof Fault)) throw cause;
        }
      }
    };
    await Promise.all(Array.from({ length: data }, takeOne));
    const [header] = headers;
    if (present.length === data && header !== undefined) return { present, header };
    for (const { index, member } of all) {
      if (member?.isUsable === false && member.mayAnswer) of.unreachable.add(index);
    }
    throw this.#lost(of, present.length, of.unreachable.size);
  }

  /** `maybe`: shards of devices that do not answer now, or are away and not given up. */
  #lost({ id, stripe }: Located, sound: number, maybe: number): Fault {
    const { data } = stripe.shape;
    const away = stripe.devices.flatMap((device) => {
      const member = this.#parts.members.byNumber(device);
      return member?.isUsable === false ? [member.record.path] : [];
    });
    const where = away.length === 0 ? '' : `; these devices do not answer: ${away.join(', ')}`;
    const detail = `segment ${id} has ${sound} of the ${data} shards that a read needs${where}`;
    return new Fault(sound + maybe >= data ? 'unavailable' : 'corrupt', 'store', detail);
  }
}
