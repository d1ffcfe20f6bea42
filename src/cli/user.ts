import type { Static } from '@sinclair/typebox';
import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { createdUserSchema, keyPairSchema, userListSchema } from '../gateway/admin/users.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { rootKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command, Flag } from './command.ts';

type Flags = ReadonlyMap<string, string>;

const keyFlags: readonly Flag[] = [
  { name: '--access-key', placeholder: 'K', description: 'Access key; absent: both keys are made at random' },
  { name: '--secret-key', placeholder: 'S', description: 'Secret key; goes with --access-key' },
];
const bytesMax = USERS_BYTES_MAX;
const root = '/v1/users';
const pathOf = (name: string): string => `${root}/${encodeURIComponent(name)}`;

const create = asking({
  name: 'user create',
  operands: ['NAME'],
  summary: 'Makes a user with an account, buckets and keys of its own.',
  flags: [
    ...keyFlags,
    { name: '--uid', placeholder: 'ID', description: 'User id of the files it makes; else root’s' },
    { name: '--gid', placeholder: 'ID', description: 'Group id of the files it makes; else root’s' },
  ],
  notes: [rootKeysNote, 'The secret key is shown now and never again.'],
  schema: createdUserSchema,
  request([name], flags) {
    const body = { name, ...keysOf(flags), ...idOf(flags, 'uid'), ...idOf(flags, 'gid') };
    return { method: 'POST', path: root, body, bytesMax };
  },
  lines: (user) => [`User ${user.name}, account ${user.accountId}.`, ...keyLines(user)],
});

const list = asking({
  name: 'user list',
  summary: 'Lists the users with their accounts and access keys.',
  notes: [rootKeysNote],
  schema: userListSchema,
  request: () => ({ path: root, bytesMax }),
  lines({ users }) {
    const rows = users.map(({ name, accountId, uid, gid, accessKeys }) => {
      const keys = accessKeys.map((key) => `${key.accessKey}${key.declared ? ' (config)' : ''}`);
      return [name, accountId, `${uid}:${gid}`, keys.join(', ')];
    });
    return columns([['name', 'account', 'uid:gid', 'access keys'], ...rows]);
  },
});

const remove = telling({
  name: 'user delete',
  operands: ['NAME'],
  summary: 'Deletes a user that owns no buckets, with its keys.',
  notes: [rootKeysNote],
  request: ([name = '']) => ({ method: 'DELETE', path: pathOf(name), bytesMax }),
  done: ([name]) => `User ${name} is deleted.`,
});

const createKey = asking({
  name: 'user key create',
  operands: ['NAME'],
  summary: 'Gives a user a further access key.',
  flags: keyFlags,
  notes: [rootKeysNote, 'The secret key is shown now and never again.'],
  schema: keyPairSchema,
  request: ([name = ''], flags) => ({
    ...{ method: 'POST', path: `${pathOf(name)}/keys`, bytesMax },
    body: keysOf(flags),
  }),
  lines: keyLines,
});

const removeKey = telling({
  name: 'user key delete',
  operands: ['NAME', 'ACCESSKEY'],
  summary: 'Takes an access key from a user.',
  notes: [rootKeysNote],
  request: ([name = '', accessKey = '']) => ({
    ...{ method: 'DELETE', path: `${pathOf(name)}/keys/${encodeURIComponent(accessKey)}`, bytesMax },
  }),
  done: ([name, accessKey]) => `Access key ${accessKey} of ${name} is deleted.`,
});

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

function keyLines({ accessKey, secretKey }: Static<typeof keyPairSchema>): readonly string[] {
  return [
    'The keys, shown only this once:',
    '',
    `  export AWS_ACCESS_KEY_ID=${accessKey}`,
    `  export AWS_SECRET_ACCESS_KEY=${secretKey}`,
  ];
}
