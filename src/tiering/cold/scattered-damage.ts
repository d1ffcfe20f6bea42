import type { Erasure, ShardPart, StripeShape } from '../../workers/erasure.ts';

/**
 * One shard of which some bytes may be wrong, from all others, of which some bytes may be wrong too, but at other places.
 * Two sets of others that differ in one give the byte twice: when both say the same, none of them is wrong there. (Any
 * k + 1 shards of an MDS code depend on each other with no coefficient of 0, so one wrong byte always shows; two at the
 * same place go unnoticed once in 256, so the result must be compared with its checksum.) Needs a parity of 2.
 */
export async function withoutScatteredDamage(
  { erasure, shape }: { readonly erasure: Erasure; readonly shape: StripeShape },
  shard: ShardPart,
  others: readonly ShardPart[],
): Promise<Uint8Array | undefined> {
  if (others.length < shape.data + 1) return undefined;
  const first = await decoded(erasure, shape, others.slice(0, shape.data), shard.index);
  const second = await decoded(erasure, shape, others.slice(1, shape.data + 1), shard.index);
  const bytes = Uint8Array.from(shard.bytes);
  for (const [at, byte] of first.entries()) if (byte === second[at]) bytes[at] = byte;
  return bytes;
}

async function decoded(
  erasure: Erasure,
  shape: StripeShape,
  present: readonly ShardPart[],
  index: number,
): Promise<Uint8Array> {
  const [bytes] = await erasure.decode(shape, present, [index]);
  return bytes ?? new Uint8Array(0);
}
