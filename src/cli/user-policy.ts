import { columns } from '../config/render.ts';
import { policyListSchema, policySchema } from '../gateway/admin/users.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { userKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';

const notes = [userKeysNote];
const bytesMax = USERS_BYTES_MAX;

const listPathOf = (user: string): string => `/v1/users/${encodeURIComponent(user)}/policies`;
const pathOf = (user: string, policy: string): string => `${listPathOf(user)}/${encodeURIComponent(policy)}`;

const put = telling({
  name: 'user policy put',
  operands: ['NAME', 'POLICY', 'FILE'],
  summary: 'Gives a user an identity policy: from then on it may do only what its policies allow.',
  notes: [...notes, 'In the place of FILE the JSON itself may stand.'],
  request: async ([name = '', policy = '', file = '']) => ({
    ...{ method: 'PUT', path: pathOf(name, policy), bytesMax },
    body: await policyDocumentOf(file),
  }),
  done: ([name, policy]) => `User ${name} has the policy ${policy}.`,
  json: ([, policy]) => ({ name: policy }),
});

const list = asking({
  name: 'user policy list',
  operands: ['NAME'],
  summary: 'Lists the identity policies of a user; without any it may do everything in its own buckets.',
  notes,
  schema: policyListSchema,
  request: ([name = '']) => ({ path: listPathOf(name), bytesMax }),
  lines({ policies }) {
    const rows = policies.map((policy) => [policy.name, policy.declared ? 'config' : 'store']);
    return columns([['policy', 'from'], ...rows]);
  },
});

const get = asking({
  name: 'user policy get',
  operands: ['NAME', 'POLICY'],
  summary: 'Prints the document of an identity policy.',
  notes,
  schema: policySchema,
  request: ([name = '', policy = '']) => ({ path: pathOf(name, policy), bytesMax }),
  lines: ({ document }) => JSON.stringify(document, undefined, 2).split('\n'),
});

const remove = telling({
  name: 'user policy delete',
  operands: ['NAME', 'POLICY'],
  summary: 'Takes an identity policy from a user.',
  notes,
  request: ([name = '', policy = '']) => ({ method: 'DELETE', path: pathOf(name, policy), bytesMax }),
  done: ([name, policy]) => `The policy ${policy} of ${name} is deleted.`,
  json: ([, policy]) => ({ name: policy }),
});

export const userPolicyCommands: readonly Command[] = [put, list, get, remove];
