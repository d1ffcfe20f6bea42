import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import { crc32c } from '../../workers/crc.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { readShardHeader, SHARD_FIXED_BYTES, SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import type { Member } from './member.ts';
import type { Stripe } from './records.ts';
import type { ShardName } from './shard-device.ts';

/** The stripe of an encoding, before it lies anywhere, from any of its shards. */
export function stripeOf(id: SegmentId, shard: Uint8Array): Omit<Stripe, 'devices'> {
  const bytes = shard.subarray(0, SHARD_HEADER_BYTES);
  const header = readShardHeader(bytes);
  assert(header !== undefined, 'shards come with their headers');
  assert.equal(Buffer.from(header.id).toString('hex'), id, 'a segment is put under its own id');
  const { shape, generation, shardBytes } = header;
  return { shape, generation, shardBytes, tableChecksum: tableChecksumOf(bytes, header.checksums.length) };
}

const tableChecksumOf = (header: Uint8Array, checksumCount: number): number =>
  crc32c(header.subarray(SHARD_FIXED_BYTES, SHARD_FIXED_BYTES + 4 * checksumCount));

/** Whether these bytes are the header of a shard of this very encoding: of the one at `index`, where that is given. */
export function isHeaderOf(
  { id, stripe, index }: { readonly id: SegmentId; readonly stripe: Stripe; readonly index?: number },
  bytes: Uint8Array,
): boolean {
  const header = readShardHeader(bytes);
  return (
    header !== undefined &&
    (index === undefined || header.index === index) &&
    header.shape.data === stripe.shape.data &&
    header.shape.parity === stripe.shape.parity &&
    header.generation === stripe.generation &&
    header.shardBytes === stripe.shardBytes &&
    Buffer.from(header.id).toString('hex') === id &&
    tableChecksumOf(bytes, header.checksums.length) === stripe.tableChecksum
  );
}

export const nameOf = (
  id: SegmentId,
  { generation }: Pick<Stripe, 'generation'>,
  index: number,
): ShardName => ({
  id,
  generation,
  index,
});

/** How a shard was found where its stripe says that it lies. */
export type FoundShard =
  | { readonly state: 'sound'; readonly bytes: Uint8Array }
  /** Not there, or not what was written. */
  | { readonly state: 'damaged' }
  /** Its device answers, but not for this shard: it is made anew, and may be read later all the same. */
  | { readonly state: 'unreadable' }
  /** Its device is missing, hangs or fails: nobody knows. */
  | { readonly state: 'unreachable' };

/** Reads all of a shard and compares every byte. */
export async function inspect(
  reduction: Reduction,
  member: Member | undefined,
  of: { readonly id: SegmentId; readonly stripe: Stripe; readonly index: number },
): Promise<FoundShard> {
  if (member?.isUsable !== true) return { state: 'unreachable' };
  try {
    const bytes = await member.call((device) => device.readWhole(nameOf(of.id, of.stripe, of.index)));
    return (await isSound(reduction, of, bytes)) ? { state: 'sound', bytes } : { state: 'damaged' };
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    if (isLost(cause)) return { state: 'damaged' };
    const isUnreadable = cause.code === 'unavailable' && (await answers(member));
    return { state: isUnreadable ? 'unreadable' : 'unreachable' };
  }
}

/** A device that is well but for one shard cannot read some sectors: writing the shard anew takes others. */
async function answers(member: Member): Promise<boolean> {
  if (!member.isUsable) return false;
  return member.probe().then(
    () => true,
    () => false,
  );
}

/** Of a shard, not of its device. */
export const isLost = (cause: unknown): boolean =>
  cause instanceof Fault && (cause.code === 'not-found' || cause.code === 'corrupt');

async function isSound(
  reduction: Reduction,
  of: { readonly id: SegmentId; readonly stripe: Stripe; readonly index: number },
  bytes: Uint8Array,
): Promise<boolean> {
  const header = bytes.subarray(0, SHARD_HEADER_BYTES);
  if (bytes.length !== SHARD_HEADER_BYTES + of.stripe.shardBytes || !isHeaderOf(of, header)) return false;
  const part = { index: of.index, bytes: bytes.subarray(SHARD_HEADER_BYTES) };
  return (await reduction.damaged(header, 0, part)).length === 0;
}

/** Writes a shard, reads it back from where it lies and compares. Fault('corrupt', 'device') when that is something else. */
export async function writeCompared(member: Member, name: ShardName, bytes: Uint8Array): Promise<void> {
  await member.call((device) => device.put(name, bytes));
  member.took(bytes.length);
  const back = await member.call((device) => device.readWhole(name));
  const isSame = Buffer.compare(back, bytes) === 0;
  member.compared(isSame);
  if (isSame) return;
  throw new Fault('corrupt', 'device', `the warm device ${member.record.path} does not keep what is written`);
}

/** Takes a shard away where that can be done; what stays is swept later. */
export async function discard(member: Member | undefined, name: ShardName): Promise<boolean> {
  if (member?.isUsable !== true) return false;
  try {
    await member.call((device) => device.delete(name));
    return true;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return false;
  }
}
