import type { Static } from '@sinclair/typebox';
import type { Accounts } from '../../accounts/accounts.ts';
import type { UserPolicy } from '../../accounts/user-policies.ts';
import { Fault } from '../../fault.ts';
import { json, nothing, type AdminRow } from './row.ts';
import { policyDocument, policyListSchema, policyPath, policySchema, userPath } from './users.ts';

const policiesOf = (accounts: Accounts, name: string): readonly UserPolicy[] => {
  const user = accounts.list().find((it) => it.name === name);
  if (user === undefined) throw new Fault('not-found', 'user', `There is no user ${name}.`);
  return user.policies;
};

const listUserPolicies: AdminRow = {
  name: 'ListUserPolicies',
  method: 'GET',
  path: '/v1/users/:name/policies',
  access: 'granted',
  params: userPath,
  response: { 200: policyListSchema },
  handle: async ({ accounts }, { params }) => {
    const { name: user } = params as Static<typeof userPath>;
    const policies = policiesOf(accounts, user).map(({ name, isDeclared }) => ({
      name,
      declared: isDeclared,
    }));
    return json(200, { policies });
  },
};

const getUserPolicy: AdminRow = {
  name: 'GetUserPolicy',
  method: 'GET',
  path: '/v1/users/:name/policies/:policy',
  access: 'granted',
  params: policyPath,
  response: { 200: policySchema },
  handle: async ({ accounts }, { params }) => {
    const { name: user, policy: name } = params as Static<typeof policyPath>;
    const found = policiesOf(accounts, user).find((it) => it.name === name);
    if (found === undefined)
      throw new Fault('not-found', 'policy', `The user ${user} has no policy ${name}.`);
    const document = JSON.parse(found.text) as object;
    return json(200, { name, declared: found.isDeclared, document });
  },
};

const putUserPolicy: AdminRow = {
  name: 'PutUserPolicy',
  method: 'PUT',
  path: '/v1/users/:name/policies/:policy',
  access: 'granted',
  params: policyPath,
  body: policyDocument,
  response: {},
  handle: async ({ accounts }, { params, body }) => {
    const { name: user, policy: name } = params as Static<typeof policyPath>;
    await accounts.putPolicy(user, { name, text: JSON.stringify(body) });
    return nothing;
  },
};

const deleteUserPolicy: AdminRow = {
  name: 'DeleteUserPolicy',
  method: 'DELETE',
  path: '/v1/users/:name/policies/:policy',
  access: 'granted',
  params: policyPath,
  response: {},
  handle: async ({ accounts }, { params }) => {
    const { name: user, policy: name } = params as Static<typeof policyPath>;
    await accounts.removePolicy(user, name);
    return nothing;
  },
};

/** Identity policies of users. */
export const policyRows: readonly AdminRow[] = [
  listUserPolicies,
  getUserPolicy,
  putUserPolicy,
  deleteUserPolicy,
];
