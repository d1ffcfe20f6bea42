import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { QUOTA_REFUSAL_LOG_SECONDS } from '../../limits.ts';
import type { Ino } from '../namespace.ts';
import { Account, NEVER, NO_USAGE, subjectKey, subjectKeysOf } from './account.ts';
import { subjectText, type OverSince, type Quota, type QuotaLimits, type QuotaSubject } from './quota.ts';
import { dimensions, type Dimension, type Owned, type Owner, type Usage } from './usage.ts';

/** Growth that was let in, as long as it is not committed. */
export interface Hold {
  readonly changes: readonly Owned[];
}

/**
 * What everybody uses, in memory: the sum of all durable commits, and what commits that are under way will add. A change
 * is let in before it commits, against both together, so that no hard limit is overrun however many write at a time.
 * It is right as long as one process owns the store.
 */
export class Ledger {
  readonly #environment: Pick<Environment, 'clock' | 'log'>;
  readonly #requireRoom: () => void;
  readonly #usage = new Map<string, Owned>();
  readonly #accounts = new Map<string, Account>();
  readonly #holds = new Set<Hold>();
  /** Whose `overSince` has changed since somebody took them. */
  readonly #changed = new Set<Account>();
  readonly #refusals = { bucket: 0, user: 0, group: 0 };

  /** `requireRoom` faults when nothing may grow, whosever it is. */
  constructor(environment: Pick<Environment, 'clock' | 'log'>, requireRoom: () => void) {
    this.#environment = environment;
    this.#requireRoom = requireRoom;
  }

  /** Nobody has limits. */
  get isIdle(): boolean {
    return this.#accounts.size === 0;
  }

  /** Fault('quota-exceeded', 'bucket') when a limit is in the way of the changes together; Fault('no-space', 'store') when nothing may grow. */
  require(changes: readonly Owned[]): void {
    if (changes.some(({ bytes, inodes }) => bytes > 0n || inodes > 0n)) this.#requireRoom();
    if (this.isIdle) return;
    const now = this.#seconds();
    for (const [account, change] of this.#touched(changes)) {
      const dimension = account.exceededBy(change, now);
      if (dimension !== undefined) throw this.#refusal(account, dimension, now);
    }
  }

  /** Keeps room for the growth among the changes until `release`. */
  hold(changes: readonly Owned[]): Hold {
    const hold = { changes };
    this.#holds.add(hold);
    this.#count(hold, 1n);
    return hold;
  }

  /** Does nothing the second time. */
  release(hold: Hold): void {
    if (this.#holds.delete(hold)) this.#count(hold, -1n);
  }

  /** The changes are committed. */
  apply(changes: readonly Owned[]): void {
    for (const change of changes) this.#add(change);
    for (const [account, change] of this.#touched(changes)) {
      for (const each of dimensions) account.used[each] += change[each];
      this.#watch(account);
    }
  }

  account(subject: QuotaSubject): Account | undefined {
    return this.#accounts.get(subjectKey(subject));
  }

  accounts(): Iterable<Account> {
    return this.#accounts.values();
  }

  get accountsCount(): number {
    return this.#accounts.size;
  }

  /** The account of a whole bucket. */
  ofBucket(bucket: Ino): Account | undefined {
    return this.#accounts.get(`bucket ${bucket}`);
  }

  /** Gives the subject limits, or others than it has. */
  limit(subject: QuotaSubject, limits: QuotaLimits, overSince: OverSince = NEVER): Account {
    const known = this.account(subject);
    const account = known ?? this.#newAccount(subject, limits, overSince);
    account.limits = limits;
    this.#watch(account);
    return account;
  }

  /** Some of the accounts for which a time of grace has begun or ended, each once. */
  takeChanged(countMax: number): readonly Account[] {
    const taken = [...this.#changed].slice(0, countMax);
    for (const account of taken) this.#changed.delete(account);
    return taken;
  }

  unlimit(subject: QuotaSubject): void {
    this.#accounts.delete(subjectKey(subject));
  }

  /** A bucket is gone. */
  forget(bucket: Ino): void {
    for (const [key, { subject }] of this.#accounts) {
      if (subject.bucket?.ino === bucket) this.#accounts.delete(key);
    }
  }

  quota(subject: QuotaSubject, limits: QuotaLimits): Quota {
    const account =
      this.account(subject) ??
      new Account(subject, { limits, used: this.usageOf(subject), overSince: NEVER });
    return { ...account.quota(this.#seconds()), isSet: this.account(subject) !== undefined };
  }

  /** The sum over all owners that count for the subject. */
  usageOf(subject: QuotaSubject): Usage {
    const key = subjectKey(subject);
    const sum = { ...NO_USAGE };
    for (const owned of this.#usage.values()) {
      if (!subjectKeysOf(owned.owner).includes(key)) continue;
      for (const each of dimensions) sum[each] += owned[each];
    }
    return sum;
  }

  refusals(): Readonly<Record<QuotaSubject['kind'], number>> {
    return this.#refusals;
  }

  #newAccount(subject: QuotaSubject, limits: QuotaLimits, overSince: OverSince): Account {
    const account = new Account(subject, { limits, used: this.usageOf(subject), overSince });
    const key = subjectKey(subject);
    this.#accounts.set(key, account);
    // What was let in before there were limits counts against them.
    for (const { changes } of this.#holds) {
      for (const [touched, change] of this.#touched(changes))
        if (touched === account) for (const each of dimensions) account.pending[each] += growth(change[each]);
    }
    return account;
  }

  /** What the changes come to for each account. */
  #touched(changes: readonly Owned[]): ReadonlyMap<Account, Usage> {
    if (this.isIdle) return NOBODY;
    const touched = new Map<Account, Record<Dimension, bigint>>();
    for (const change of changes) {
      for (const key of subjectKeysOf(change.owner)) {
        const account = this.#accounts.get(key);
        if (account === undefined) continue;
        const sum = touched.get(account) ?? { ...NO_USAGE };
        for (const each of dimensions) sum[each] += change[each];
        touched.set(account, sum);
      }
    }
    return touched;
  }

  #count({ changes }: Hold, sign: bigint): void {
    for (const [account, change] of this.#touched(changes))
      for (const each of dimensions) account.pending[each] += sign * growth(change[each]);
  }

  #add({ owner, bytes, inodes }: Owned): void {
    const key = keyOf(owner);
    const known = this.#usage.get(key) ?? { ...NO_USAGE };
    const sum = { owner, bytes: known.bytes + bytes, inodes: known.inodes + inodes };
    if (sum.bytes === 0n && sum.inodes === 0n) this.#usage.delete(key);
    else this.#usage.set(key, sum);
  }

  #watch(account: Account): void {
    const now = this.#seconds();
    for (const dimension of account.watch(now)) {
      this.#changed.add(account);
      if (account.overSince[dimension] === undefined) continue;
      const { graceSeconds } = account.limits;
      const { soft } = account.limits[dimension];
      const used = Number(account.used[dimension]);
      const graceEnds = new Date((now + graceSeconds) * 1000).toISOString();
      const subject = subjectText(account.subject);
      this.#environment.log.warn('quota.soft-exceeded', { subject, dimension, used, soft, graceEnds });
    }
  }

  #refusal(account: Account, dimension: Dimension, now: number): Fault {
    const { subject } = account;
    const text = subjectText(subject);
    const limit = Number(account.limit(dimension, now));
    this.#refusals[subject.kind] += 1;
    if (now - account.refusalLoggedAt >= QUOTA_REFUSAL_LOG_SECONDS) {
      account.refusalLoggedAt = now;
      const used = Number(account.used[dimension]);
      this.#environment.log.warn('quota.refused', { subject: text, dimension, used, limit });
    }
    return new Fault('quota-exceeded', 'bucket', `the quota of ${text} is ${limit} ${dimension}`);
  }

  #seconds(): number {
    return this.#environment.clock.wall().seconds;
  }
}

const NOBODY: ReadonlyMap<Account, Usage> = new Map();

export const growth = (amount: bigint): bigint => (amount > 0n ? amount : 0n);

const keyOf = ({ bucket, uid, gid }: Owner): string => `${bucket}:${uid}:${gid}`;
