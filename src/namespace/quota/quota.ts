import type { Bucket } from '../namespace.ts';
import type { Dimension } from './usage.ts';

/** What a quota is about: all of a bucket, or what a user id or group id owns, everywhere or in one bucket. */
export type QuotaSubject =
  | { readonly kind: 'bucket'; readonly bucket: QuotaBucket }
  | { readonly kind: 'user' | 'group'; readonly id: number; readonly bucket: QuotaBucket | undefined };
export type QuotaBucket = Pick<Bucket, 'ino' | 'name'>;

/** In bytes, or inodes; `undefined`: no limit. */
export interface Limit {
  /** May be exceeded for the time of grace. Not above `hard`. */
  readonly soft: number | undefined;
  /** Nothing that grows beyond it is taken. */
  readonly hard: number | undefined;
}

export type QuotaLimits = Readonly<Record<Dimension, Limit>> & {
  /** How long a soft limit may be exceeded before it counts as a hard one. */
  readonly graceSeconds: number;
};

/** Members that are not there stay as they are; `null` takes a limit away. */
export type QuotaChange = {
  readonly [Each in Dimension]?:
    { readonly soft?: number | null | undefined; readonly hard?: number | null | undefined } | undefined;
} & { readonly graceSeconds?: number | undefined };

/** Wall-clock seconds since which a soft limit is exceeded; `undefined`: it is not. */
export type OverSince = Readonly<Record<Dimension, number | undefined>>;

/** A subject with what it uses now, in durable commits. */
export interface Quota {
  readonly subject: QuotaSubject;
  /** False: nobody has given it limits. */
  readonly isSet: boolean;
  readonly limits: QuotaLimits;
  /** Exact below 2^53. */
  readonly used: Readonly<Record<Dimension, number>>;
  readonly overSince: OverSince;
  /** Refuses what grows: it has reached the hard limit, or its grace is over. */
  readonly isFull: Readonly<Record<Dimension, boolean>>;
}

/** Limits of what buckets, users and groups store. They hold for both doors, from the moment that `set` resolves. */
export interface Quotas {
  /**
   * Durable when it resolves. Fault('not-found', 'bucket') when that has gone, Fault('invalid-argument', 'request') for a
   * soft limit above the hard one, Fault('conflict', 'request') when there are too many quotas.
   */
  set(subject: QuotaSubject, change: QuotaChange): Promise<Quota>;
  /** Also of a subject without limits: its usage. */
  get(subject: QuotaSubject): Quota;
  /** Those with limits, by their texts. */
  list(): readonly Quota[];
  /** False: it had no limits. The usage is counted on. */
  remove(subject: QuotaSubject): Promise<boolean>;
  /** What quotas have refused since the start, by the kind of subject. */
  refusals(): Readonly<Record<QuotaSubject['kind'], number>>;
}

/** `bucket/photos`, `user/1001`, `bucket/photos/group/100`: for logs, the admin API and the command line. */
export function subjectText(subject: QuotaSubject): string {
  const { kind, bucket } = subject;
  if (kind === 'bucket') return `bucket/${bucket.name}`;
  const alone = `${kind}/${subject.id}`;
  return bucket === undefined ? alone : `bucket/${bucket.name}/${alone}`;
}
