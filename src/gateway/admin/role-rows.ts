import type { Static } from '@sinclair/typebox';
import type { Role } from '../../accounts/roles.ts';
import { isoTime, json, nothing, type AdminRow } from './row.ts';
import { roleListSchema, rolePath, roleSchema, roleWish, type RoleAnswer } from './roles.ts';

const answerOf = ({ name, id, arn, account, trust, policies, createdAt }: Role): RoleAnswer => ({
  name,
  id,
  arn,
  user: account.displayName,
  accountId: account.id,
  trust: JSON.parse(trust) as object,
  policies: policies.map((policy) => JSON.parse(policy) as object),
  ...(createdAt !== undefined && { createdAt: isoTime(createdAt) }),
  declared: createdAt === undefined,
});

const listRoles: AdminRow = {
  name: 'ListRoles',
  method: 'GET',
  path: '/v1/roles',
  access: 'granted',
  response: { 200: roleListSchema },
  handle: async ({ roles }) => json(200, { roles: roles.list().map(answerOf) }),
};

const createRole: AdminRow = {
  name: 'CreateRole',
  method: 'POST',
  path: '/v1/roles',
  access: 'granted',
  body: roleWish,
  response: { 201: roleSchema },
  handle: async ({ roles }, { body }) => {
    const { name, user = 'root', trust, policies = [] } = body as Static<typeof roleWish>;
    const role = await roles.create({
      name,
      user,
      trust: JSON.stringify(trust),
      policies: policies.map((policy) => JSON.stringify(policy)),
    });
    return json(201, answerOf(role));
  },
};

const deleteRole: AdminRow = {
  name: 'DeleteRole',
  method: 'DELETE',
  path: '/v1/roles/:role',
  access: 'granted',
  params: rolePath,
  response: {},
  handle: async ({ roles }, { params }) => {
    await roles.remove((params as Static<typeof rolePath>).role);
    return nothing;
  },
};

/** Roles. Who may make them may give everything to everybody. */
export const roleRows: readonly AdminRow[] = [listRoles, createRole, deleteRole];
