import { BODY_NARROW_BYTES } from '../../limits/s3.ts';
import type { Allowance } from './allowance.ts';

/**
 * How far ahead the content of an answer is read; to be asked before each piece, with what is left to be sent. It holds no more of
 * the common budget than that, and when others find nothing left it gives way to them for a while.
 */
export function aheadBytesMax(allowance: Allowance, leftBytes: number): number {
  const isLast = leftBytes <= BODY_NARROW_BYTES;
  if (!isLast && allowance.isWanted) allowance.giveWay(leftBytes);
  if (!allowance.isWide && (isLast || !allowance.widen(leftBytes))) return BODY_NARROW_BYTES;
  allowance.narrow(leftBytes);
  return Infinity;
}
