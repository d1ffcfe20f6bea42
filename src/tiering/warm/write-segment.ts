import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import type { Packed } from '../../workers/reduction.ts';
import type { SegmentId } from '../segment-store.ts';
import type { Member } from './member.ts';
import type { PoolParts } from './pool-parts.ts';
import { NOWHERE, type Stripe } from './records.ts';
import { shapeText, widthOf } from './shape.ts';
import { discard, nameOf, stripeOf, writeCompared } from './shards.ts';

/**
 * Writes all shards, each on a device of its own, reads them back, and then commits the row that says where they are. A device that
 * fails is replaced by a spare one. Without a spare its shard stays out, for a repair, as long as one more device may be lost.
 */
export function writeSegment(parts: PoolParts, id: SegmentId, packed: Packed): Promise<void> {
  return parts.locks.run(id, async () => {
    const encoding = stripeOf(id, packed.shards[0] ?? new Uint8Array());
    assert(packed.shards.length === widthOf(encoding.shape), 'all shards of a stripe');
    const there = await parts.stripes.get(id);
    if (there !== undefined) {
      // Who was not told that it is there asks again; nothing else ever has this id.
      const isSame =
        there.generation === encoding.generation && there.tableChecksum === encoding.tableChecksum;
      assert(isSame, `another segment with the id ${id}`);
      return;
    }
    parts.stripes.begin(id);
    const claimed: Member[] = [];
    try {
      await place(parts, { id, encoding, shards: packed.shards, claimed });
    } finally {
      for (const member of claimed) member.claims -= 1;
    }
  });
}

interface Placing {
  readonly id: SegmentId;
  readonly encoding: Omit<Stripe, 'devices'>;
  readonly shards: readonly Uint8Array[];
  /** Who has been asked so far: none of them goes away before the commit. */
  readonly claimed: Member[];
}

async function place(parts: PoolParts, placing: Placing): Promise<void> {
  const { id, encoding, shards } = placing;
  const candidates = [...parts.members.writable()];
  const failures: unknown[] = [];
  const settled = await Promise.allSettled(
    shards.map((bytes, index) => placeShard(placing, { index, bytes, candidates, failures })),
  );
  const broken = settled.find((it) => it.status === 'rejected');
  const homes = settled.map((it) => (it.status === 'fulfilled' ? it.value : undefined));
  const placed = homes.filter((it) => it !== undefined).length;
  const { data, parity } = encoding.shape;
  if (broken !== undefined || placed < data + Math.min(1, parity)) {
    await takeBack(parts, placing, homes);
    if (broken !== undefined) throw broken.reason as unknown;
    throw refusal(failures, { placed, shape: encoding.shape });
  }
  const devices = homes.map((member) => member?.record.number ?? NOWHERE);
  try {
    await parts.stripes.create(id, { ...encoding, devices });
  } catch (cause) {
    parts.wantSweep();
    throw cause;
  }
  if (placed < shards.length) parts.wantRepair(id);
  if (failures.length > 0) parts.wantSweep();
}

/** Where the shard lies, on the first device that takes it; `undefined` when none does. */
async function placeShard(
  { id, encoding, claimed }: Placing,
  {
    index,
    bytes,
    candidates,
    failures,
  }: {
    readonly index: number;
    readonly bytes: Uint8Array;
    readonly candidates: Member[];
    readonly failures: unknown[];
  },
): Promise<Member | undefined> {
  for (let member = candidates.shift(); member !== undefined; member = candidates.shift()) {
    if (!member.isWritable) continue;
    member.claims += 1;
    claimed.push(member);
    try {
      await writeCompared(member, nameOf(id, encoding, index), bytes);
      return member;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      failures.push(cause);
    }
  }
  return undefined;
}

/** Nobody names what was written. */
async function takeBack(
  parts: PoolParts,
  { id, encoding }: Placing,
  homes: readonly (Member | undefined)[],
): Promise<void> {
  await Promise.all(homes.map((member, index) => discard(member, nameOf(id, encoding, index))));
  parts.wantSweep();
}

function refusal(
  failures: readonly unknown[],
  { placed, shape }: { readonly placed: number; readonly shape: Stripe['shape'] },
): Fault {
  const isFull = failures.length > 0 && failures.every((it) => it instanceof Fault && it.code === 'no-space');
  const detail = `only ${placed} devices of the warm pool took a shard of a segment of ${shapeText(shape)}`;
  return new Fault(isFull ? 'no-space' : 'unavailable', 'store', detail, { cause: failures[0] });
}
