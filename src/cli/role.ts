import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { roleListSchema, roleSchema } from '../gateway/admin/roles.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, rootKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';

const create: Command = {
  name: 'role create',
  operands: ['NAME'],
  summary: 'Makes a role that users may assume for temporary keys (STS AssumeRole).',
  flags: [
    { name: '--trust', placeholder: 'FILE', description: 'Policy document that names who may assume it' },
    { name: '--policy', placeholder: 'FILE', description: 'Policy document of what it may do; else nothing' },
    { name: '--user', placeholder: 'USER', description: 'Whose account it belongs to. Default: root' },
    jsonFlag,
    adminFlag,
  ],
  notes: [rootKeysNote, 'In the place of a FILE the JSON itself may stand.'],
  async run(cli, flags, [name]) {
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
    const request = { method: 'POST', path: '/v1/roles', body, bytesMax: USERS_BYTES_MAX } as const;
    const role = await askAdmin(cli, flags, roleSchema, request);
    return printAnswer(cli, flags, role, [`Role ${role.name}: ${role.arn}`]);
  },
};

const list: Command = {
  name: 'role list',
  summary: 'Lists the roles with their accounts and ARNs.',
  flags: [jsonFlag, adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags) {
    const request = { method: 'GET', path: '/v1/roles', bytesMax: USERS_BYTES_MAX } as const;
    const answer = await askAdmin(cli, flags, roleListSchema, request);
    const rows = answer.roles.map(({ name, user, arn, declared }) => [
      name,
      user,
      `${arn}${declared ? ' (config)' : ''}`,
    ]);
    const lines = columns([['name', 'user', 'arn'], ...rows]);
    return printAnswer(cli, flags, answer, lines);
  },
};

const remove: Command = {
  name: 'role delete',
  operands: ['NAME'],
  summary: 'Deletes a role; temporary keys of it end.',
  flags: [adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags, [name = '']) {
    const path = `/v1/roles/${encodeURIComponent(name)}`;
    await callAdmin(cli, flags, { method: 'DELETE', path, bytesMax: USERS_BYTES_MAX });
    cli.out(`Role ${name} is deleted.`);
    return 0;
  },
};

export const roleCommands: readonly Command[] = [create, list, remove];
