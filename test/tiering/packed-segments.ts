import type { SegmentId } from '../../src/tiering/segment-store.ts';
import type { StripeShape } from '../../src/workers/erasure.ts';
import type { Packed } from '../../src/workers/reduction.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { noise, packingOf } from '../workers/segments.ts';

/** The ids of a test, ascending with `number`. */
export const segmentId = (number: number): SegmentId => number.toString(16).padStart(32, '0') as SegmentId;

/** A segment of one frame of some 3,000 random bytes, the same ones for the same `number`. */
export async function packedSegment(
  number: number,
  shape: StripeShape = { data: 4, parity: 2 },
  bytes = 3_000,
): Promise<Packed> {
  const plain = noise(bytes, number);
  const reduction = referenceReduction();
  const fingerprint = reduction.fingerprint(new Uint8Array(0), plain);
  const item = {
    kind: 'chunk',
    plain,
    fingerprint,
    salts: noise(32, number),
    label: noise(8, number),
  } as const;
  const id = Buffer.from(segmentId(number), 'hex');
  return reduction.pack({ ...packingOf({ shape }), id }, [item]);
}
