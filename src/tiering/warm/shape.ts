import type { StripeShape } from '../../workers/erasure.ts';

export interface DeviceCounts {
  /** In service, also those that do not answer for a while: all but those that are given up. */
  readonly expected: number;
  /** Of these, answering and with room for more. */
  readonly writable: number;
}

/**
 * The shape of what is written now. Fewer devices make a stripe narrower, never less safe, as long as there is one for data:
 * with 4+2 on five devices 3+2, on three 1+2. Only a pool of fewer has less parity, on two 1+1, on one 1+0. Devices that are
 * full or away for a while make it narrower, too, but take no parity away: `undefined` when too few are left for that.
 */
export function shapeFor(
  configured: StripeShape,
  { expected, writable }: DeviceCounts,
): StripeShape | undefined {
  const parity = Math.min(configured.parity, expected - 1);
  const data = Math.min(configured.data, writable - parity);
  return parity < 0 || data < 1 ? undefined : { data, parity };
}

export const widthOf = ({ data, parity }: StripeShape): number => data + parity;

export const shapeText = ({ data, parity }: StripeShape): string => `${data}+${parity}`;
