import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import type { ExportRule, IdRange } from '../config/export-rule.ts';
import { exportListSchema, exportSchema, type ExportAnswer } from '../gateway/admin/exports.ts';
import { EXPORTS_BYTES_MAX } from '../limits.ts';
import { rootKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';

type Flags = ReadonlyMap<string, string>;

const bytesMax = EXPORTS_BYTES_MAX;
const root = '/v1/exports';
const pathOf = (name: string): string => `${root}/${encodeURIComponent(name)}`;

const set = asking({
  name: 'export set',
  operands: ['NAME'],
  summary: 'Makes or replaces a rule of who may use a bucket over NFS; it counts at once.',
  flags: [
    {
      name: '--clients',
      placeholder: 'CLIENT,…',
      description: 'Networks, addresses, host names, patterns like *.example.com, or * for everyone',
    },
    { name: '--bucket', placeholder: 'BUCKET', description: 'The bucket. Default: *, all of them' },
    { name: '--access', placeholder: 'rw|ro|none', description: 'Default: rw' },
    { name: '--squash', placeholder: 'none|root|all', description: 'Who becomes anonymous. Default: root' },
    { name: '--anon-uid', placeholder: 'ID', description: 'User id of the anonymous. Default: 65534' },
    { name: '--anon-gid', placeholder: 'ID', description: 'Group id of the anonymous. Default: 65534' },
    { name: '--secure', placeholder: 'true|false', description: 'Only ports below 1024. Default: true' },
    { name: '--sec', placeholder: 'KIND,…', description: 'Of sys, tls and mtls. Default: all three' },
    {
      name: '--certificates',
      placeholder: 'NAME,…',
      description: 'Only with one of these client certificates: names or SHA-256 fingerprints',
    },
    {
      name: '--uids',
      placeholder: 'C:S[:N],…',
      description: 'N user ids from C on are those from S on here',
    },
    { name: '--gids', placeholder: 'C:S[:N],…', description: 'The same for group ids' },
  ],
  notes: [rootKeysNote, 'Of the rules that fit a caller the most specific one holds; see docs/nfs.md.'],
  schema: exportSchema,
  request: ([name = ''], flags) => ({ method: 'PUT', path: pathOf(name), body: ruleOf(flags), bytesMax }),
  lines: ({ rule }, [name]) => [`Export ${name}: ${sentenceOf(rule)}.`],
});

const list = asking({
  name: 'export list',
  summary: 'Lists the rules of who may use which bucket over NFS.',
  notes: [rootKeysNote],
  schema: exportListSchema,
  request: () => ({ path: root, bytesMax }),
  lines: (answer) => columns([['name', 'bucket', 'clients', 'options'], ...answer.exports.map(rowOf)]),
});

const remove = telling({
  name: 'export remove',
  operands: ['NAME'],
  summary: 'Removes such a rule; it counts at once, for mounted clients as well.',
  notes: [rootKeysNote],
  request: ([name = '']) => ({ method: 'DELETE', path: pathOf(name), bytesMax }),
  done: ([name]) => `Export ${name} is removed.`,
});

export const exportCommands: readonly Command[] = [set, list, remove];

/** What the gateway fills in is left out. */
function ruleOf(flags: Flags): Partial<Record<keyof ExportRule, unknown>> {
  const clients = listOf(flags, '--clients');
  if (clients === undefined)
    throw new UsageError('terrace export set needs --clients CLIENT,…: whom the rule is for');
  const given = {
    clients,
    bucket: flags.get('--bucket'),
    access: flags.get('--access'),
    squash: flags.get('--squash'),
    anonUid: idOf(flags, '--anon-uid'),
    anonGid: idOf(flags, '--anon-gid'),
    secure: truthOf(flags, '--secure'),
    sec: listOf(flags, '--sec'),
    certificates: listOf(flags, '--certificates'),
    uids: listOf(flags, '--uids')?.map((text) => rangeOf('--uids', text)),
    gids: listOf(flags, '--gids')?.map((text) => rangeOf('--gids', text)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const listOf = (flags: Flags, name: string): readonly string[] | undefined =>
  flags
    .get(name)
    ?.split(',')
    .flatMap((it) => it.trim() || []);

function idOf(flags: Flags, name: string): number | undefined {
  const given = flags.get(name);
  if (given === undefined || /^\d{1,10}$/.test(given)) return given === undefined ? undefined : Number(given);
  throw new UsageError(`${name}: "${given}" is not an id: write a whole number`);
}

function truthOf(flags: Flags, name: string): boolean | undefined {
  const given = flags.get(name);
  if (given === undefined) return undefined;
  if (given === 'true' || given === 'false') return given === 'true';
  throw new UsageError(`${name}: "${given}" is neither true nor false`);
}

function rangeOf(flag: string, text: string): IdRange {
  const [, client, server, count = '1'] = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (client === undefined || server === undefined)
    throw new UsageError(`${flag}: "${text}" is no range: write 1000:2000, or 1000:2000:50 for fifty ids`);
  return { client: Number(client), server: Number(server), count: Number(count) };
}

const sentenceOf = (rule: ExportRule): string =>
  `${rule.bucket === '*' ? 'all buckets' : rule.bucket} to ${rule.clients.join(', ')} (${optionsOf(rule)})`;

const rowOf = ({ name, rule }: ExportAnswer): readonly string[] => [
  name ?? '(config)',
  rule.bucket,
  rule.clients.join(','),
  optionsOf(rule),
];

/** As exports(5) writes them. */
function optionsOf(rule: ExportRule): string {
  const { access, squash, anonUid, anonGid, secure, sec, certificates, uids, gids } = rule;
  const squashes = { none: 'no_root_squash', root: 'root_squash', all: 'all_squash' };
  return [
    access,
    squashes[squash],
    ...(squash === 'none' ? [] : [`anonuid=${anonUid}`, `anongid=${anonGid}`]),
    secure ? 'secure' : 'insecure',
    `sec=${sec.join(':')}`,
    ...(certificates.length === 0 ? [] : [`certificates=${certificates.join(':')}`]),
    ...[...uids.map((it) => `uids=${textOf(it)}`), ...gids.map((it) => `gids=${textOf(it)}`)],
  ].join(',');
}

const textOf = ({ client, server, count }: IdRange): string => `${client}:${server}:${count}`;
