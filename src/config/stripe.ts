import { Type, type TString, type TTransform } from '@sinclair/typebox';
import { STRIPE_SHARDS_MAX } from '../limits/tiering.ts';
import type { LeafOptions } from './leaf.ts';
import { UsageError } from './usage-error.ts';

/** How many shards of a stripe hold data, and how many hold parity. */
export interface Stripe {
  readonly data: number;
  readonly parity: number;
}

/** `4+2`; `none` is one shard of data. */
export function parseStripe(written: string): Stripe {
  if (written === 'none') return { data: 1, parity: 0 };
  const [, data, parity] = /^([1-9]\d?)\+([1-9]\d?)$/.exec(written) ?? [];
  if (data !== undefined && parity !== undefined && Number(data) + Number(parity) <= STRIPE_SHARDS_MAX) {
    return { data: Number(data), parity: Number(parity) };
  }
  throw new UsageError(
    `"${written}" is no number of shards: write none, or DATA+PARITY with at most ${STRIPE_SHARDS_MAX} in all, for example 16+2`,
  );
}

/** Decodes to the shape of stripes. */
export const stripe = (options: LeafOptions): TTransform<TString, Stripe> =>
  Type.Transform(Type.String({ placeholder: 'DATA+PARITY', ...options }))
    .Decode(parseStripe)
    .Encode(({ data, parity }) => `${data}+${parity}`);
