import type { OverSince, Quota, QuotaLimits, QuotaSubject } from './quota.ts';
import { dimensions, type Dimension, type Owner, type Usage } from './usage.ts';

export const NO_USAGE: Usage = { bytes: 0n, inodes: 0n };
export const NEVER: OverSince = { bytes: undefined, inodes: undefined };

/** Tells subjects apart. */
export const subjectKey = (subject: QuotaSubject): string => {
  const { kind, bucket } = subject;
  if (kind === 'bucket') return `bucket ${bucket.ino}`;
  return bucket === undefined ? `${kind} ${subject.id}` : `${kind} ${subject.id} in ${bucket.ino}`;
};

/** The keys of all subjects that an owner's usage counts for. */
export const subjectKeysOf = ({ bucket, uid, gid }: Owner): readonly string[] => [
  `bucket ${bucket}`,
  `user ${uid}`,
  `group ${gid}`,
  `user ${uid} in ${bucket}`,
  `group ${gid} in ${bucket}`,
];

type Amounts = Record<Dimension, bigint>;

/** A subject with limits: what it uses, what is on its way, and since when it is over its soft limits. */
export class Account {
  readonly subject: QuotaSubject;
  limits: QuotaLimits;
  readonly used: Amounts;
  /** Growth that was let in and is not committed yet. */
  readonly pending: Amounts = { ...NO_USAGE };
  readonly overSince: Record<Dimension, number | undefined>;
  /** Wall-clock second of the last refusal that was written to the log. */
  refusalLoggedAt = 0;

  constructor(
    subject: QuotaSubject,
    { limits, used, overSince }: { limits: QuotaLimits; used: Usage; overSince: OverSince },
  ) {
    this.subject = subject;
    this.limits = limits;
    this.used = { ...used };
    this.overSince = { ...overSince };
  }

  /** What nothing may grow beyond at that second; `undefined`: there is no limit. */
  limit(dimension: Dimension, now: number): bigint | undefined {
    const { soft, hard } = this.limits[dimension];
    const since = this.overSince[dimension];
    const isStrict = soft !== undefined && since !== undefined && now >= since + this.limits.graceSeconds;
    const limit = isStrict ? soft : hard;
    return limit === undefined ? undefined : BigInt(limit);
  }

  /** How much more fits; `undefined`: anything. */
  left(dimension: Dimension, now: number): bigint | undefined {
    const limit = this.limit(dimension, now);
    if (limit === undefined) return undefined;
    const left = limit - this.used[dimension] - this.pending[dimension];
    return left > 0n ? left : 0n;
  }

  /** The first dimension that a change would take beyond its limit. What shrinks is never in the way. */
  exceededBy(change: Usage, now: number): Dimension | undefined {
    return dimensions.find((each) => {
      const left = change[each] > 0n ? this.left(each, now) : undefined;
      return left !== undefined && change[each] > left;
    });
  }

  /** Begins and ends the times of grace by what is used now. The dimensions for which one has just begun or ended. */
  watch(now: number): readonly Dimension[] {
    return dimensions.filter((each) => {
      const { soft } = this.limits[each];
      const isOver = soft !== undefined && this.used[each] > BigInt(soft);
      if (isOver === (this.overSince[each] !== undefined)) return false;
      this.overSince[each] = isOver ? now : undefined;
      return true;
    });
  }

  quota(now: number): Quota {
    const { subject, limits, overSince } = this;
    const used = { bytes: Number(this.used.bytes), inodes: Number(this.used.inodes) };
    const isFull = { bytes: this.#isFull('bytes', now), inodes: this.#isFull('inodes', now) };
    return { subject, isSet: true, limits, used, overSince: { ...overSince }, isFull };
  }

  #isFull(dimension: Dimension, now: number): boolean {
    const limit = this.limit(dimension, now);
    return limit !== undefined && this.used[dimension] >= limit;
  }
}
