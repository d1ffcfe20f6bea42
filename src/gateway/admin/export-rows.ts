import type { Static } from '@sinclair/typebox';
import { exportRule, type ExportRule } from '../../config/export-rule.ts';
import type { NamedRule } from '../../exports/export-rules.ts';
import { exportListSchema, exportPath, exportSchema, type ExportAnswer } from './exports.ts';
import { json, nothing, type AdminRow } from './row.ts';

const answerOf = ({ name, rule }: NamedRule): ExportAnswer => ({
  ...(name !== undefined && { name }),
  rule,
  declared: name === undefined,
});

const listExports: AdminRow = {
  name: 'ListExports',
  method: 'GET',
  path: '/v1/exports',
  access: 'granted',
  response: { 200: exportListSchema },
  handle: async ({ exports }) => json(200, { exports: exports.list().map(answerOf) }),
};

const putExport: AdminRow = {
  name: 'PutExport',
  method: 'PUT',
  path: '/v1/exports/:export',
  access: 'granted',
  params: exportPath,
  body: exportRule,
  response: { 200: exportSchema },
  handle: async ({ exports }, { params, body }) => {
    const { export: name } = params as Static<typeof exportPath>;
    const rule = body as ExportRule;
    await exports.put(name, rule);
    return json(200, answerOf({ name, rule }));
  },
};

const deleteExport: AdminRow = {
  name: 'DeleteExport',
  method: 'DELETE',
  path: '/v1/exports/:export',
  access: 'granted',
  params: exportPath,
  response: {},
  handle: async ({ exports }, { params }) => {
    await exports.remove((params as Static<typeof exportPath>).export);
    return nothing;
  },
};

/** Export rules of NFS. Who may make them may open any bucket to anybody. */
export const exportRows: readonly AdminRow[] = [listExports, putExport, deleteExport];
