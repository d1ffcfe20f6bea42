import { WARM_SHARDS_MAX } from '../limits/tiering.ts';
import { UsageError } from './usage-error.ts';

/** How many shards of a segment hold data, and how many of them may be lost. */
export interface ErasureCode {
  readonly data: number;
  readonly parity: number;
}

/** Of `K+M`. UsageError when it is no such text, or more shards than a pool may have of one segment. */
export function parseErasureCode(written: string): ErasureCode {
  const [, data = '', parity = ''] = /^\s*(\d{1,3})\s*\+\s*(\d{1,3})\s*$/.exec(written) ?? [];
  const code = { data: Number(data), parity: Number(parity) };
  if (data === '' || code.data < 1) {
    throw new UsageError(`"${written}" is no erasure code: write data and parity shards, for example 4+2`);
  }
  if (code.data + code.parity > WARM_SHARDS_MAX) {
    throw new UsageError(`"${written}" makes too many shards: write at most ${WARM_SHARDS_MAX} in all`);
  }
  return code;
}

export const formatErasureCode = ({ data, parity }: ErasureCode): string => `${data}+${parity}`;
