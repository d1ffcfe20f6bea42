import type { Static } from '@sinclair/typebox';
import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { createdUserSchema, keyPairSchema, userListSchema } from '../gateway/admin/users.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, rootKeysNote } from './admin-call.ts';
import type { Command, Flag } from './command.ts';

type Flags = ReadonlyMap<string, string>;

const keyFlags: readonly Flag[] = [
  { name: '--access-key', placeholder: 'K', description: 'Access key; absent: both keys are made at random' },
  { name: '--secret-key', placeholder: 'S', description: 'Secret key; goes with --access-key' },
];
const bytesMax = USERS_BYTES_MAX;

const create: Command = {
  name: 'user create',
  operands: ['NAME'],
  summary: 'Makes a user with an account, buckets and keys of its own.',
  flags: [
    ...keyFlags,
    { name: '--uid', placeholder: 'ID', description: 'User id of the files it makes; else root’s' },
    { name: '--gid', placeholder: 'ID', description: 'Group id of the files it makes; else root’s' },
    jsonFlag,
    adminFlag,
  ],
  notes: [rootKeysNote, 'The secret key is shown now and never again.'],
  async run(cli, flags, [name]) {
    const body = { name, ...keysOf(flags), ...idOf(flags, 'uid'), ...idOf(flags, 'gid') };
    const user = await askAdmin(cli, flags, createdUserSchema, {
      method: 'POST',
      path: '/v1/users',
      body,
      bytesMax,
    });
    if (flags.has('--json')) cli.out(JSON.stringify(user));
    else
      for (const line of [`User ${user.name}, account ${user.accountId}.`, ...keyLines(user)]) cli.out(line);
    return 0;
  },
};

const list: Command = {
  name: 'user list',
  summary: 'Lists the users with their accounts and access keys.',
  flags: [jsonFlag, adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags) {
    const answer = await askAdmin(cli, flags, userListSchema, { method: 'GET', path: '/v1/users', bytesMax });
    const rows = answer.users.map(({ name, accountId, uid, gid, accessKeys }) => {
      const keys = accessKeys.map((key) => `${key.accessKey}${key.declared ? ' (config)' : ''}`);
      return [name, accountId, `${uid}:${gid}`, keys.join(', ')];
    });
    const lines = columns([['name', 'account', 'uid:gid', 'access keys'], ...rows]);
    return printAnswer(cli, flags, answer, lines);
  },
};

const remove: Command = {
  name: 'user delete',
  operands: ['NAME'],
  summary: 'Deletes a user that owns no buckets, with its keys.',
  flags: [adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags, [name = '']) {
    const path = `/v1/users/${encodeURIComponent(name)}`;
    await callAdmin(cli, flags, { method: 'DELETE', path, bytesMax });
    cli.out(`User ${name} is deleted.`);
    return 0;
  },
};

const createKey: Command = {
  name: 'user key create',
  operands: ['NAME'],
  summary: 'Gives a user a further access key.',
  flags: [...keyFlags, jsonFlag, adminFlag],
  notes: [rootKeysNote, 'The secret key is shown now and never again.'],
  async run(cli, flags, [name = '']) {
    const path = `/v1/users/${encodeURIComponent(name)}/keys`;
    const pair = await askAdmin(cli, flags, keyPairSchema, {
      method: 'POST',
      path,
      body: keysOf(flags),
      bytesMax,
    });
    return printAnswer(cli, flags, pair, keyLines(pair));
  },
};

const removeKey: Command = {
  name: 'user key delete',
  operands: ['NAME', 'ACCESSKEY'],
  summary: 'Takes an access key from a user.',
  flags: [adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags, [name = '', accessKey = '']) {
    const path = `/v1/users/${encodeURIComponent(name)}/keys/${encodeURIComponent(accessKey)}`;
    await callAdmin(cli, flags, { method: 'DELETE', path, bytesMax });
    cli.out(`Access key ${accessKey} of ${name} is deleted.`);
    return 0;
  },
};

export const userCommands: readonly Command[] = [create, list, remove, createKey, removeKey];

function keysOf(flags: Flags): { accessKey?: string; secretKey?: string } {
  const accessKey = flags.get('--access-key');
  const secretKey = flags.get('--secret-key');
  if (accessKey === undefined && secretKey === undefined) return {};
  if (accessKey === undefined || secretKey === undefined)
    throw new UsageError('--access-key and --secret-key belong together: give both or none');
  return { accessKey, secretKey };
}

function idOf(flags: Flags, member: 'uid' | 'gid'): Partial<Record<'uid' | 'gid', number>> {
  const given = flags.get(`--${member}`);
  if (given === undefined) return {};
  if (!/^\d{1,10}$/.test(given))
    throw new UsageError(`--${member}: "${given}" is not an id: write a whole number`);
  return { [member]: Number(given) };
}

const keyLines = ({ accessKey, secretKey }: Static<typeof keyPairSchema>): readonly string[] => [
  'The keys, shown only this once:',
  '',
  `  export AWS_ACCESS_KEY_ID=${accessKey}`,
  `  export AWS_SECRET_ACCESS_KEY=${secretKey}`,
];
