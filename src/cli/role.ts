import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { roleListSchema, roleSchema } from '../gateway/admin/roles.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { rootKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';

const root = '/v1/roles';
const bytesMax = USERS_BYTES_MAX;

const create = asking({
  name: 'role create',
  operands: ['NAME'],
  summary: 'Makes a role that users may assume for temporary keys (STS AssumeRole).',
  flags: [
    { name: '--trust', placeholder: 'FILE', description: 'Policy document that names who may assume it' },
    { name: '--policy', placeholder: 'FILE', description: 'Policy document of what it may do; else nothing' },
    { name: '--user', placeholder: 'USER', description: 'Whose account it belongs to. Default: root' },
  ],
  notes: [rootKeysNote, 'In the place of a FILE the JSON itself may stand.'],
  schema: roleSchema,
  async request([name], flags) {
    const trust = flags.get('--trust');
    if (trust === undefined)
      throw new UsageError('terrace role create needs --trust FILE: who may assume the role');
    const policy = flags.get('--policy');
    const user = flags.get('--user');
    const body = {
      name,
      trust: await policyDocumentOf(trust),
      ...(policy !== undefined && { policies: [await policyDocumentOf(policy)] }),
      ...(user !== undefined && { user }),
    };
    return { method: 'POST', path: root, body, bytesMax };
  },
  lines: ({ name, arn }) => [`Role ${name}: ${arn}`],
});

const list = asking({
  name: 'role list',
  summary: 'Lists the roles with their accounts and ARNs.',
  notes: [rootKeysNote],
  schema: roleListSchema,
  request: () => ({ path: root, bytesMax }),
  lines({ roles }) {
    const rows = roles.map(({ name, user, arn, declared }) => [
      name,
      user,
      `${arn}${declared ? ' (config)' : ''}`,
    ]);
    return columns([['name', 'user', 'arn'], ...rows]);
  },
});

const remove = telling({
  name: 'role delete',
  operands: ['NAME'],
  summary: 'Deletes a role; temporary keys of it end.',
  notes: [rootKeysNote],
  request: ([name = '']) => ({ method: 'DELETE', path: `${root}/${encodeURIComponent(name)}`, bytesMax }),
  done: ([name]) => `Role ${name} is deleted.`,
});

export const roleCommands: readonly Command[] = [create, list, remove];
