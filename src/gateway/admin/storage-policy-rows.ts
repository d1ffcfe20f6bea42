import type { Static } from '@sinclair/typebox';
import { Fault } from '../../fault.ts';
import type { StoragePolicyDocument } from '../../storage-policy/document.ts';
import type { NamedPolicy } from '../../storage-policy/policies.ts';
import { isoTime, json, nothing, type AdminRow, type AdminSources } from './row.ts';
import {
  reportSchema,
  storagePolicyListSchema,
  storagePolicyPath,
  storagePolicySchema,
  type ReportAnswer,
  type StoragePolicyAnswer,
} from './storage-policies.ts';
import { storagePolicyDocument } from '../../storage-policy/document.ts';
import { historyAnswer } from './tier-rows.ts';
import { historySchema } from './tiers.ts';

const answerOf = ({ document, policy }: NamedPolicy): StoragePolicyAnswer => {
  const { name, hotAboveIops, coldAtOrBelowIops, cooldownSeconds, ecBytesMin, pools, prices } = policy;
  const rules = { hotAboveIops, coldAtOrBelowIops, cooldownSeconds, ecBytesMin };
  return { name, document, ...rules, pools: [...pools], prices: { ...prices } };
};

const nameOf = (params: unknown): string => (params as Static<typeof storagePolicyPath>).storagePolicy;

function policyOf({ storage }: AdminSources, params: unknown): NamedPolicy {
  const found = storage.policies.get(nameOf(params));
  if (found !== undefined) return found;
  throw new Fault('not-found', 'policy', `There is no storage policy ${nameOf(params)}.`);
}

const path = '/v1/storage-policies/:storagePolicy';

const list: AdminRow = {
  name: 'ListStoragePolicies',
  method: 'GET',
  path: '/v1/storage-policies',
  access: 'granted',
  response: { 200: storagePolicyListSchema },
  handle: async ({ storage }) => json(200, { policies: storage.policies.list().map(answerOf) }),
};

const get: AdminRow = {
  name: 'GetStoragePolicy',
  method: 'GET',
  path,
  access: 'granted',
  params: storagePolicyPath,
  response: { 200: storagePolicySchema },
  handle: async (sources, { params }) => json(200, answerOf(policyOf(sources, params))),
};

const put: AdminRow = {
  name: 'PutStoragePolicy',
  method: 'PUT',
  path,
  access: 'granted',
  params: storagePolicyPath,
  body: storagePolicyDocument,
  response: { 200: storagePolicySchema },
  handle: async ({ storage }, { params, body }) => {
    const named = await storage.policies.put(nameOf(params), body as StoragePolicyDocument);
    storage.job.changed();
    return json(200, answerOf(named));
  },
};

const remove: AdminRow = {
  name: 'DeleteStoragePolicy',
  method: 'DELETE',
  path,
  access: 'granted',
  params: storagePolicyPath,
  response: {},
  handle: async ({ storage }, { params }) => {
    await storage.policies.remove(nameOf(params));
    storage.job.changed();
    return nothing;
  },
};

const report: AdminRow = {
  name: 'GetStoragePolicyReport',
  method: 'GET',
  path: `${path}/report`,
  access: 'granted',
  params: storagePolicyPath,
  response: { 200: reportSchema },
  handle: async (sources, { params }) => {
    const { name } = policyOf(sources, params).policy;
    const found = sources.storage.job.report(name);
    if (found === undefined)
      throw new Fault(
        'not-found',
        'policy',
        `No pass over ${name} has come to its end yet: ask again later.`,
      );
    const { tiers, compliant, pending, cost, policy } = found;
    const answer: ReportAnswer = {
      policy,
      at: isoTime(found.at),
      tiers,
      compliant,
      pending: { ...pending },
      cost,
    };
    return json(200, answer);
  },
};

const history: AdminRow = {
  name: 'GetStoragePolicyHistory',
  method: 'GET',
  path: `${path}/migrations`,
  access: 'granted',
  params: storagePolicyPath,
  response: { 200: historySchema },
  handle: async (sources, { params }) => {
    const { name } = policyOf(sources, params).policy;
    return json(200, historyAnswer(await sources.tiers.history(name)));
  },
};

/** On which tier the objects of buckets and prefixes belong. */
export const storagePolicyRows: readonly AdminRow[] = [list, get, put, remove, report, history];
