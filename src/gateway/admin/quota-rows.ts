import type { Static } from '@sinclair/typebox';
import { Fault } from '../../fault.ts';
import { subjectText, type Quota, type QuotaSubject } from '../../namespace/quota/quota.ts';
import type { Dimension } from '../../namespace/quota/usage.ts';
import {
  quotaListSchema,
  quotaPath,
  quotaSchema,
  quotaWish,
  type QuotaAnswer,
  type UsageAnswer,
} from './quotas.ts';
import { subjectNamed } from './quota-subject.ts';
import { isoTime, json, nothing, type AdminRow, type AdminSources } from './row.ts';

const at = (seconds: number): string => isoTime({ seconds, nanoseconds: 0 });

function usageOf({ limits, used, overSince, isFull }: Quota, dimension: Dimension): UsageAnswer {
  const { soft, hard } = limits[dimension];
  const since = overSince[dimension];
  const isAtHard = hard !== undefined && used[dimension] >= hard;
  const soften = since === undefined ? 'ok' : isFull[dimension] ? 'grace-over' : 'over-soft';
  return {
    used: used[dimension],
    ...(soft !== undefined && { soft }),
    ...(hard !== undefined && { hard }),
    state: isAtHard ? 'full' : soften,
    ...(since !== undefined && { overSince: at(since), graceEnds: at(since + limits.graceSeconds) }),
  };
}

const answerOf = (quota: Quota): QuotaAnswer => ({
  subject: subjectText(quota.subject),
  bytes: usageOf(quota, 'bytes'),
  inodes: usageOf(quota, 'inodes'),
  graceSeconds: quota.limits.graceSeconds,
});

function subjectOf({ accounts, namespace }: AdminSources, params: unknown): Promise<QuotaSubject> {
  const text = (params as Static<typeof quotaPath>)['*'];
  return subjectNamed({ accounts, objects: namespace.objects }, text);
}

const listQuotas: AdminRow = {
  name: 'ListQuotas',
  method: 'GET',
  path: '/v1/quotas',
  access: 'granted',
  response: { 200: quotaListSchema },
  handle: async ({ namespace }) => json(200, { quotas: namespace.quotas.list().map(answerOf) }),
};

/** Also of who has no limits: what it uses. */
const getQuota: AdminRow = {
  name: 'GetQuota',
  method: 'GET',
  path: '/v1/quotas/*',
  access: 'granted',
  params: quotaPath,
  response: { 200: quotaSchema },
  handle: async (sources, { params }) =>
    json(200, answerOf(sources.namespace.quotas.get(await subjectOf(sources, params)))),
};

const setQuota: AdminRow = {
  name: 'SetQuota',
  method: 'PUT',
  path: '/v1/quotas/*',
  access: 'granted',
  params: quotaPath,
  body: quotaWish,
  response: { 200: quotaSchema },
  handle: async (sources, { params, body }) => {
    const subject = await subjectOf(sources, params);
    return json(200, answerOf(await sources.namespace.quotas.set(subject, body as Static<typeof quotaWish>)));
  },
};

const removeQuota: AdminRow = {
  name: 'RemoveQuota',
  method: 'DELETE',
  path: '/v1/quotas/*',
  access: 'granted',
  params: quotaPath,
  response: {},
  handle: async (sources, { params }) => {
    const subject = await subjectOf(sources, params);
    if (await sources.namespace.quotas.remove(subject)) return nothing;
    throw new Fault('not-found', 'request', `${subjectText(subject)} has no quota.`);
  },
};

/** What buckets, users and groups may store. */
export const quotaRows: readonly AdminRow[] = [listQuotas, getQuota, setQuota, removeQuota];
