import { Type } from '@sinclair/typebox';
import { attachedRows } from './attached-rows.ts';
import { auditRows } from './audit-rows.ts';
import { jobRows } from './job-rows.ts';
import { exportRows } from './export-rows.ts';
import { keyRows } from './key-rows.ts';
import { lockRows } from './lock-rows.ts';
import { roleRows } from './role-rows.ts';
import { quotaRows } from './quota-rows.ts';
import { json, type AdminRow } from './row.ts';
import { policyRows } from './policy-rows.ts';
import { scrubRows } from './scrub-rows.ts';
import { statusSchema } from './status.ts';
import { storagePolicyRows } from './storage-policy-rows.ts';
import { tierRows } from './tier-rows.ts';
import { userRows } from './user-rows.ts';
import { warmRows } from './warm-rows.ts';

const readiness = Type.Object({ ready: Type.Boolean(), reasons: Type.Array(Type.String()) });

const health: AdminRow = {
  name: 'Health',
  method: 'GET',
  path: '/healthz',
  access: 'open',
  response: { 200: Type.Object({ alive: Type.Boolean() }) },
  handle: async () => json(200, { alive: true }),
};

const ready: AdminRow = {
  name: 'Readiness',
  method: 'GET',
  path: '/readyz',
  access: 'open',
  response: { 200: readiness, 503: readiness },
  handle: async ({ unready }) => {
    const reasons = await unready();
    return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
  },
};

const metricsRow: AdminRow = {
  name: 'Metrics',
  method: 'GET',
  path: '/metrics',
  access: 'open',
  response: {},
  handle: async ({ metrics }) => {
    const { contentType, body } = await metrics.text();
    return { status: 200, contentType, body };
  },
};

const getStatus: AdminRow = {
  name: 'GetStatus',
  method: 'GET',
  path: '/v1/status',
  access: 'local',
  response: { 200: statusSchema },
  handle: async ({ status }) => json(200, await status()),
};

/** Every operation of the admin API. */
export const adminRows: readonly AdminRow[] = [
  health,
  ready,
  metricsRow,
  getStatus,
  ...attachedRows,
  ...auditRows,
  ...jobRows,
  ...lockRows,
  ...exportRows,
  ...keyRows,
  ...userRows,
  ...policyRows,
  ...roleRows,
  ...quotaRows,
  ...storagePolicyRows,
  ...tierRows,
  ...scrubRows,
  ...warmRows,
];
