import { parseDuration, parseQuantity } from '../config/quantity.ts';
import { UsageError } from '../config/usage-error.ts';
import { Fault } from '../fault.ts';
import type { Tier } from '../tiering/tier.ts';
import { tiers } from '../tiering/tier.ts';
import type { StoragePolicyDocument } from './document.ts';
import { presets, type Preset } from './presets.ts';
import { targetOf, type Target } from './target.ts';

/** A document with nothing left open. */
export interface StoragePolicy extends Preset {
  readonly name: string;
  readonly target: Target;
  /** The tiers that may be used, warmest first; others may be missing in this gateway. */
  readonly pools: readonly Tier[];
  /** The query that tells how busy the target is; `undefined`: own counters do. */
  readonly query: string | undefined;
}

/** Fault('invalid-argument', 'policy') with a sentence for what the schema cannot say. */
export function storagePolicyOf(name: string, document: StoragePolicyDocument): StoragePolicy {
  const preset = presets[document.preset ?? 'balanced'];
  const target = targetOf(document.target);
  const policy = {
    name,
    target,
    hotAboveIops: document.hotAboveIops ?? preset.hotAboveIops,
    coldAtOrBelowIops: document.coldAtOrBelowIops ?? preset.coldAtOrBelowIops,
    cooldownSeconds: amount(name, 'cooldown', document.cooldown, preset.cooldownSeconds),
    ecBytesMin: amount(name, 'ecBytesMin', document.ecBytesMin, preset.ecBytesMin),
    prices: { ...preset.prices, ...document.prices },
    pools: tiers.filter((tier) => document.pools?.includes(tier) ?? true),
    query: document.heat?.prometheus,
  };
  if (target.bucket === '') throw wrong(name, 'target needs a bucket: write BUCKET or BUCKET/PREFIX');
  if (policy.coldAtOrBelowIops > policy.hotAboveIops)
    throw wrong(
      name,
      `coldAtOrBelowIops (${policy.coldAtOrBelowIops}) lies above hotAboveIops (${policy.hotAboveIops}): between them is warm`,
    );
  return policy;
}

/** Seconds of a duration or bytes of a quantity. */
function amount(
  name: string,
  member: 'cooldown' | 'ecBytesMin',
  given: number | string | undefined,
  preset: number,
): number {
  if (given === undefined || typeof given === 'number') return given ?? preset;
  try {
    return member === 'cooldown' ? parseDuration(given) / 1000 : parseQuantity(given);
  } catch (failure) {
    if (failure instanceof UsageError) throw wrong(name, `${member}: ${failure.message}`);
    throw failure;
  }
}

const wrong = (name: string, complaint: string): Fault =>
  new Fault('invalid-argument', 'policy', `The storage policy ${name}: ${complaint}.`);
