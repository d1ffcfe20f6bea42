import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { LIFECYCLE_PARALLEL_MAX } from '../limits.ts';
import type { Bucket, ObjectStore } from '../namespace/namespace.ts';
import type { Terms } from './due.ts';
import type { RuleBook } from './rule-book.ts';
import type { Rule } from './rules.ts';

/** What came of one thing that a rule was due for. */
export const outcomes = [
  'expired',
  'transitioned',
  'versionRemoved',
  'markerRemoved',
  'aborted',
  'error',
] as const;
export type Outcome = (typeof outcomes)[number];

export interface SweepParts {
  readonly objects: ObjectStore;
  readonly environment: Environment;
  readonly rules: Pick<RuleBook, 'terms'>;
  readonly count: (outcome: Outcome) => void;
}

/** The bucket's rules as they are now; `undefined` when it has none any more, or is gone. */
export async function termsOf({ objects, rules }: SweepParts, bucket: Bucket): Promise<Terms | undefined> {
  const now = await objects.bucket(bucket.name);
  return now?.ino === bucket.ino ? rules.terms(now) : undefined;
}

/** The prefixes of those rules, without those that lie within another. */
export async function prefixesOf(
  parts: SweepParts,
  bucket: Bucket,
  isAbout: (rule: Rule) => boolean,
): Promise<readonly Uint8Array[]> {
  const terms = await termsOf(parts, bucket);
  const all = (terms?.lifecycle.rules ?? []).filter(isAbout).map(({ scope }) => Buffer.from(scope.prefix));
  const kept: Buffer[] = [];
  for (const prefix of all.sort((one, other) => one.compare(other))) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.subarray(0, last.length).equals(last)) kept.push(prefix);
  }
  return kept;
}

/**
 * One change, in one transaction. Who was faster has decided otherwise and the next pass looks again; what is locked
 * stays. Any other refusal is counted and does not keep the rest from its turn; the next pass tries again.
 */
export async function attempt(
  { count, environment }: SweepParts,
  outcome: Outcome,
  change: () => Promise<unknown>,
): Promise<void> {
  try {
    await change();
    count(outcome);
  } catch (failure) {
    if (!(failure instanceof Fault)) throw failure;
    if (isExpected(failure)) return;
    count('error');
    environment.log.warn('lifecycle.refused', { outcome, failure });
  }
}

const isExpected = ({ code, subject }: Fault): boolean =>
  code === 'precondition-failed' ||
  code === 'not-found' ||
  (code === 'access-denied' && subject === 'version');

/** All of them, a bounded number at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  visit: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await visit(items[index] as Item);
  };
  await Promise.all(Array.from({ length: Math.min(LIFECYCLE_PARALLEL_MAX, items.length) }, work));
}

export const NOTHING = new Uint8Array(0);
