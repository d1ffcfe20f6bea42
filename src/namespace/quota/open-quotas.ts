import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, KvTransaction } from '../../kv/kv.ts';
import { PAGE_ENTRIES_MAX, QUOTA_GRACE_SECONDS, QUOTAS_MAX } from '../../limits.ts';
import { bucketOf } from '../buckets.ts';
import { noSuchBucket } from '../attributes.ts';
import { allQuotas, allUsage, ownerOfUsageKey, placeOfQuotaKey, quotaKey, quotasOfBucket } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { ensureCounted } from './count-usage.ts';
import { Ledger } from './ledger.ts';
import {
  subjectText,
  type Limit,
  type OverSince,
  type Quota,
  type QuotaChange,
  type QuotaLimits,
  type Quotas,
  type QuotaSubject,
} from './quota.ts';
import { decodeQuota, encodeQuota, type QuotaRow } from './quota-row.ts';
import { decodeUsage, dimensions } from './usage.ts';

const NO_LIMIT: Limit = { soft: undefined, hard: undefined };
const NO_LIMITS: QuotaLimits = { bytes: NO_LIMIT, inodes: NO_LIMIT, graceSeconds: QUOTA_GRACE_SECONDS };

const keyOf = (subject: QuotaSubject): Uint8Array => {
  const { kind, bucket } = subject;
  return quotaKey({ kind, bucket: bucket?.ino ?? 0, id: kind === 'bucket' ? 0 : subject.id });
};

function subjectOf(key: Uint8Array, { bucketName: name }: QuotaRow): QuotaSubject {
  const { kind, bucket: ino, id } = placeOfQuotaKey(key);
  if (kind === 'bucket') return { kind, bucket: { ino: ino as Ino, name } };
  return { kind, id, bucket: ino === 0 ? undefined : { ino, name } };
}

/** Quotas with what they are enforced by. */
export interface OpenQuotas extends Quotas {
  readonly ledger: Ledger;
  /** Takes the quotas of a bucket away with it. */
  dropBucket(tx: KvTransaction, bucket: Ino): Promise<void>;
  /** Keeps since when soft limits are exceeded; false when that is kept already. A crash loses what no step has kept. */
  step(): Promise<boolean>;
}

/** Reads usage and quotas of a store into memory, before anything else is done to it. */
export async function openQuotas(
  kv: Kv,
  environment: Environment,
  requireRoom: () => void = () => undefined,
): Promise<OpenQuotas> {
  if (await ensureCounted(kv))
    environment.log.info('quota.counted', { why: 'the store is older than quotas' });
  const ledger = new Ledger(environment, requireRoom);
  for await (const page of kv.scan(allUsage(), { pageEntries: PAGE_ENTRIES_MAX }))
    ledger.apply(page.map(({ key, value }) => ({ owner: ownerOfUsageKey(key), ...decodeUsage(value) })));
  for await (const page of kv.scan(allQuotas(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) {
      const row = decodeQuota(value);
      ledger.limit(subjectOf(key, row), row.limits, row.overSince);
    }
  }
  return {
    ledger,
    set: (subject, change) => setQuota(kv, ledger, subject, change),
    get: (subject) => ledger.quota(subject, NO_LIMITS),
    list: () => listQuotas(ledger),
    remove: (subject) => removeQuota(kv, ledger, subject),
    refusals: () => ledger.refusals(),
    dropBucket: (tx, bucket) => dropBucket(tx, ledger, bucket),
    step: () => keepTimes(kv, ledger),
  };
}

async function setQuota(kv: Kv, ledger: Ledger, subject: QuotaSubject, change: QuotaChange): Promise<Quota> {
  await kv.transact('durable', async (tx) => {
    const { bucket } = subject;
    if (bucket !== undefined && (await bucketOf(tx, bucket.name))?.ino !== bucket.ino)
      throw noSuchBucket(bucket.name);
    const known = await tx.get(keyOf(subject));
    if (known === undefined && ledger.accountsCount >= QUOTAS_MAX)
      throw new Fault('quota-exceeded', 'request', `There are ${QUOTAS_MAX} quotas already: no more fit.`);
    const row = known === undefined ? undefined : decodeQuota(known);
    const limits = changed(row?.limits ?? NO_LIMITS, change);
    requireInOrder(limits);
    put(tx, subject, { limits, overSince: overSinceOf(ledger, subject) });
    tx.whenCommitted(() => ledger.limit(subject, limits));
  });
  return ledger.quota(subject, NO_LIMITS);
}

function changed(limits: QuotaLimits, change: QuotaChange): QuotaLimits {
  const one = (now: number | undefined, wanted: number | null | undefined): number | undefined =>
    wanted === undefined ? now : (wanted ?? undefined);
  const [bytes, inodes] = dimensions.map((each) => ({
    soft: one(limits[each].soft, change[each]?.soft),
    hard: one(limits[each].hard, change[each]?.hard),
  })) as [Limit, Limit];
  return { bytes, inodes, graceSeconds: change.graceSeconds ?? limits.graceSeconds };
}

function requireInOrder(limits: QuotaLimits): void {
  for (const each of dimensions) {
    const { soft, hard } = limits[each];
    if (soft === undefined || hard === undefined || soft <= hard) continue;
    const detail = `The soft limit of ${soft} ${each} is above the hard one of ${hard}: lower it.`;
    throw new Fault('invalid-argument', 'request', detail);
  }
}

const overSinceOf = (ledger: Ledger, subject: QuotaSubject): OverSince =>
  ledger.account(subject)?.overSince ?? { bytes: undefined, inodes: undefined };

function put(tx: KvTransaction, subject: QuotaSubject, row: Omit<QuotaRow, 'bucketName'>): void {
  tx.put(keyOf(subject), encodeQuota({ bucketName: subject.bucket?.name ?? '', ...row }));
}

function listQuotas(ledger: Ledger): readonly Quota[] {
  const named = [...ledger.accounts()].map(({ subject }) => ({ subject, text: subjectText(subject) }));
  const sorted = named.sort((one, other) => (one.text < other.text ? -1 : 1));
  return sorted.map(({ subject }) => ledger.quota(subject, NO_LIMITS));
}

const removeQuota = (kv: Kv, ledger: Ledger, subject: QuotaSubject): Promise<boolean> =>
  kv.transact('durable', async (tx) => {
    const key = keyOf(subject);
    if ((await tx.get(key)) === undefined) return false;
    tx.delete(key);
    tx.whenCommitted(() => {
      ledger.unlimit(subject);
    });
    return true;
  });

async function dropBucket(tx: KvTransaction, ledger: Ledger, bucket: Ino): Promise<void> {
  for await (const page of tx.scan(quotasOfBucket(bucket), { pageEntries: PAGE_ENTRIES_MAX }))
    for (const { key } of page) tx.delete(key);
  tx.whenCommitted(() => {
    ledger.forget(bucket);
  });
}

async function keepTimes(kv: Kv, ledger: Ledger): Promise<boolean> {
  const changed = ledger.takeChanged(PAGE_ENTRIES_MAX);
  if (changed.length === 0) return false;
  await kv.transact('durable', async (tx) => {
    for (const { subject, overSince } of changed) {
      const row = await tx.get(keyOf(subject));
      if (row !== undefined) put(tx, subject, { ...decodeQuota(row), overSince: { ...overSince } });
    }
  });
  return true;
}
