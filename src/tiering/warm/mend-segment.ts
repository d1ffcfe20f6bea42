import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import { SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentHealth, SegmentId } from '../segment-store.ts';
import type { Member } from './member.ts';
import type { PoolParts } from './pool-parts.ts';
import { NOWHERE, type DeviceNumber, type Stripe } from './records.ts';
import { discard, inspect, nameOf, writeCompared, type FoundShard } from './shards.ts';

/** What a repair found of one segment, and did. */
export interface Mended extends SegmentHealth {
  /** Shards that are still not where they should be: there is no device for them, or not enough of the segment. */
  readonly missing: number;
  /** Shards that were written, in their place or elsewhere. */
  readonly moved: number;
}

/** A shard and what is known of it. */
interface Shard {
  readonly index: number;
  readonly member: Member | undefined;
  /** Its device keeps it: it is in service, and there or expected back. */
  readonly isHome: boolean;
  found: FoundShard;
}

/**
 * Reads every byte of every shard, and makes anew what is gone or damaged. `undefined` without the segment;
 * Fault('unavailable', 'store') when too many devices do not answer to say whether it is whole.
 */
export function mendSegment(parts: PoolParts, id: SegmentId): Promise<Mended | undefined> {
  return parts.locks.run(id, async () => {
    const stripe = await parts.stripes.get(id);
    return stripe === undefined ? undefined : mend(parts, id, stripe);
  });
}

/**
 * Brings all shards to devices that keep them: off those that are drained, anew for those that are gone. Whether shards are there
 * is asked of their devices; only when something is wrong they are read. `undefined` and faults as above.
 */
export function repairSegment(parts: PoolParts, id: SegmentId): Promise<Mended | undefined> {
  return parts.locks.run(id, async () => {
    const stripe = await parts.stripes.get(id);
    if (stripe === undefined) return undefined;
    const all = stripe.devices.map((_, index) => index);
    const inPlace = await Promise.all(all.map((index) => isInPlace(parts, { id, stripe, index })));
    const suspects = all.filter((index) => !inPlace[index]);
    const shards = await Promise.all(suspects.map((index) => look(parts, { id, stripe }, index)));
    if (shards.some(({ found }) => found.state !== 'sound')) return mend(parts, id, stripe);
    // A device that is drained gives its shard itself: nothing else is read.
    const placed = await placeAll(parts, { id, stripe }, shards);
    const missing = suspects.length - placed.length;
    return { checked: all.length, corrupt: 0, healed: 0, isWhole: true, missing, moved: placed.length };
  });
}

async function look(
  { members, reduction }: PoolParts,
  { id, stripe }: { readonly id: SegmentId; readonly stripe: Stripe },
  index: number,
): Promise<Shard> {
  const member = members.byNumber(stripe.devices[index]!);
  const found = await inspect(reduction, member, { id, stripe, index });
  return { index, member, isHome: isHomeOf(member), found };
}

const isHomeOf = (member: Member | undefined): boolean => member?.isExpected === true;

async function isInPlace(
  { members }: PoolParts,
  { id, stripe, index }: { readonly id: SegmentId; readonly stripe: Stripe; readonly index: number },
): Promise<boolean> {
  const member = members.byNumber(stripe.devices[index]!);
  if (!isHomeOf(member) || member === undefined) return false;
  if (!member.isUsable) return true;
  try {
    const length = await member.call((device) => device.lengthOf(nameOf(id, stripe, index)));
    return length === SHARD_HEADER_BYTES + stripe.shardBytes;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return true;
  }
}

/** With the lock of the segment. */
async function mend(parts: PoolParts, id: SegmentId, stripe: Stripe): Promise<Mended> {
  const shards = await Promise.all(stripe.devices.map((_, index) => look(parts, { id, stripe }, index)));
  const corrupt = shards.filter(({ found }) => found.state !== 'sound');
  const wanted = shards.filter((it) => isCorrupt(it) || (!it.isHome && it.found.state === 'sound'));
  const isWhole = await rebuild(parts, id, { stripe, shards });
  const placed = isWhole ? await placeAll(parts, { id, stripe }, wanted) : [];
  const missing = wanted.length - placed.length;
  return {
    checked: shards.length,
    corrupt: corrupt.length,
    healed: corrupt.filter(({ index }) => placed.includes(index)).length,
    isWhole,
    missing,
    moved: placed.length,
  };
}

/** To be made anew: what is damaged, and what lies on no device that is there or expected back. */
const isCorrupt = ({ found, isHome }: Shard): boolean =>
  found.state === 'damaged' || found.state === 'unreadable' || (found.state === 'unreachable' && !isHome);

/**
 * Fills in all shards that are to be made anew. False when too few others are sound; Fault('unavailable', 'store') when that may
 * be because devices do not answer now.
 */
async function rebuild(
  { reduction }: PoolParts,
  id: SegmentId,
  { stripe, shards }: { readonly stripe: Stripe; readonly shards: readonly Shard[] },
): Promise<boolean> {
  const { data } = stripe.shape;
  const present = shards.flatMap(({ found }) => (found.state === 'sound' ? [found.bytes] : []));
  const wanted = shards.filter(isCorrupt);
  if (present.length < data) {
    const silent = shards.filter(
      ({ found, member }) =>
        found.state === 'unreadable' || (found.state === 'unreachable' && member?.mayAnswer === true),
    );
    if (present.length + silent.length < data) return false;
    throw new Fault('unavailable', 'store', `too many devices of segment ${id} do not answer now`);
  }
  if (wanted.length === 0) return true;
  const indexes = wanted.map(({ index }) => index);
  const made = await reduction.rebuild(present.slice(0, data), indexes);
  assert(made !== undefined, 'sound shards of one encoding give back the others');
  for (const [at, shard] of wanted.entries()) shard.found = { state: 'sound', bytes: made[at]! };
  return true;
}

/** Indexes of those that are where they stay: those already counted on by the row, and those committed to it. */
async function placeAll(
  parts: PoolParts,
  of: { readonly id: SegmentId; readonly stripe: Stripe },
  wanted: readonly Shard[],
): Promise<readonly number[]> {
  const placed: number[] = [];
  let stripe = of.stripe;
  for (const shard of wanted) {
    const moved = await placeOne(parts, { id: of.id, stripe }, shard);
    if (moved === undefined) continue;
    stripe = moved;
    placed.push(shard.index);
  }
  return placed;
}

/** Writes a shard in its place, else to another device; the stripe afterwards, `undefined` when nobody took it. */
async function placeOne(
  parts: PoolParts,
  { id, stripe }: { readonly id: SegmentId; readonly stripe: Stripe },
  { index, member, isHome, found }: Shard,
): Promise<Stripe | undefined> {
  assert(found.state === 'sound', 'only what is sound is written');
  if (
    isHome &&
    member !== undefined &&
    (await isWritten(parts, member, { id, stripe, index, bytes: found.bytes }))
  )
    return stripe;
  for (const target of targetsFor(parts, stripe, member)) {
    const moved = await moveTo(parts, target, { id, stripe, index, bytes: found.bytes });
    if (moved !== undefined) return moved;
  }
  return undefined;
}

/** The successor first, then those that hold no shard of this stripe. */
function* targetsFor(
  { members }: PoolParts,
  { devices }: Stripe,
  from: Member | undefined,
): Generator<Member> {
  const successor = members.byNumber(from?.record.successor ?? NOWHERE);
  const all = [...(successor?.isWritable === true ? [successor] : []), ...members.writable()];
  for (const target of new Set(all)) if (!devices.includes(target.record.number)) yield target;
}

interface Moving {
  readonly id: SegmentId;
  readonly stripe: Stripe;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * Writes a shard to a device that has none of its stripe, commits that, and takes it away where it was; with the lock of the
 * segment. `undefined` when the device does not take it.
 */
export async function moveTo(parts: PoolParts, target: Member, moving: Moving): Promise<Stripe | undefined> {
  const { id, stripe, index } = moving;
  const from = parts.members.byNumber(stripe.devices[index]!);
  // It may be drained since it was chosen; with a claim it stays until this has ended.
  if (!target.isWritable) return undefined;
  target.claims += 1;
  try {
    if (!(await isWritten(parts, target, moving))) return undefined;
    const devices: readonly (DeviceNumber | typeof NOWHERE)[] = stripe.devices.with(
      index,
      target.record.number,
    );
    const moved = { ...stripe, devices };
    await parts.stripes.change(id, stripe, moved);
    if (!(await discard(from, nameOf(id, stripe, index)))) parts.wantSweep();
    return moved;
  } finally {
    target.claims -= 1;
  }
}

async function isWritten(
  parts: PoolParts,
  target: Member,
  { id, stripe, index, bytes }: Moving,
): Promise<boolean> {
  try {
    await writeCompared(target, nameOf(id, stripe, index), bytes);
    return true;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    parts.wantSweep();
    return false;
  }
}
