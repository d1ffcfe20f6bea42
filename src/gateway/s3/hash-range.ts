import type { OpenObject } from '../../namespace/namespace.ts';
import type { Compute, DigestAlgorithm, Digests } from '../../workers/compute.ts';
import type { ByteRange } from './ranges.ts';

/** Digests of a range of stored content, one piece in memory at a time. */
export async function hashRange(
  compute: Compute,
  object: OpenObject,
  { offset, length }: ByteRange,
  algorithms: readonly DigestAlgorithm[],
): Promise<Digests> {
  const hasher = compute.hasher(algorithms);
  if (length > 0) for await (const piece of object.read(offset, length)) await hasher.update([piece]);
  return hasher.digests();
}
