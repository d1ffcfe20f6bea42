import {
  formatDuration,
  formatQuantity,
  parseDuration,
  parseQuantity,
  roughQuantity,
} from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { quotaListSchema, quotaSchema, type QuotaAnswer, type UsageAnswer } from '../gateway/admin/quotas.ts';
import { QUOTAS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Cli, Command } from './command.ts';

type Flags = ReadonlyMap<string, string>;

const subjectNotes = [
  'SUBJECT is bucket/NAME, user/UID, user/NAME (a user of the gateway with an id of its own) or group/GID: all that a bucket',
  'holds, or what an id owns in all buckets. bucket/NAME/user/UID and bucket/NAME/group/GID count one bucket only.',
];
const bytesMax = QUOTAS_BYTES_MAX;

const pathOf = (subject: string): string =>
  `/v1/quotas/${subject.split('/').map(encodeURIComponent).join('/')}`;

const set: Command = {
  name: 'quota set',
  operands: ['SUBJECT'],
  summary: 'Limits what a bucket, user or group stores, through both protocols; what is not given stays.',
  flags: [
    { name: '--bytes', placeholder: 'Q', description: 'Hard limit of bytes, as 10Gi; none takes it away' },
    { name: '--soft-bytes', placeholder: 'Q', description: 'May be exceeded for the time of grace' },
    { name: '--inodes', placeholder: 'N', description: 'Hard limit of files and directories, as 1M' },
    { name: '--soft-inodes', placeholder: 'N', description: 'May be exceeded for the time of grace' },
    { name: '--grace', placeholder: 'T', description: 'After it soft limits are hard. Default: 7d' },
    jsonFlag,
    adminFlag,
  ],
  notes: [userKeysNote, ...subjectNotes],
  async run(cli, flags, [subject = '']) {
    const grace = flags.get('--grace');
    const body = {
      bytes: limitsOf(flags, 'bytes'),
      inodes: limitsOf(flags, 'inodes'),
      ...(grace !== undefined && { graceSeconds: Math.round(parseDuration(grace) / 1000) }),
    };
    const isEmpty = [body.bytes, body.inodes].every((it) => Object.keys(it).length === 0);
    if (isEmpty && grace === undefined)
      throw new UsageError('terrace quota set needs a limit: write for example --bytes 10Gi');
    const request = { method: 'PUT', path: pathOf(subject), body, bytesMax } as const;
    return show(cli, flags, await askAdmin(cli, flags, quotaSchema, request));
  },
};

function limitsOf(flags: Flags, what: 'bytes' | 'inodes'): Record<string, number | null> {
  const given = { hard: flags.get(`--${what}`), soft: flags.get(`--soft-${what}`) };
  const limits: Record<string, number | null> = {};
  for (const [name, text] of Object.entries(given))
    if (text !== undefined) limits[name] = text === 'none' ? null : parseQuantity(text);
  return limits;
}

const get: Command = {
  name: 'quota get',
  operands: ['SUBJECT'],
  summary: 'Shows what a bucket, user or group uses, and its limits if it has any.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote, ...subjectNotes],
  async run(cli, flags, [subject = '']) {
    const request = { method: 'GET', path: pathOf(subject), bytesMax } as const;
    return show(cli, flags, await askAdmin(cli, flags, quotaSchema, request));
  },
};

const list: Command = {
  name: 'quota list',
  summary: 'Lists all quotas with what is used, and until when soft limits may be exceeded.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote],
  async run(cli, flags) {
    const request = { method: 'GET', path: '/v1/quotas', bytesMax } as const;
    const answer = await askAdmin(cli, flags, quotaListSchema, request);
    const lines = columns([
      ['subject', 'bytes', 'soft', 'hard', 'inodes', 'soft', 'hard', 'state'],
      ...answer.quotas.map(rowOf),
    ]);
    return printAnswer(cli, flags, answer, lines);
  },
};

const remove: Command = {
  name: 'quota remove',
  operands: ['SUBJECT'],
  summary: 'Takes all limits away from a bucket, user or group.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote, ...subjectNotes],
  async run(cli, flags, [subject = '']) {
    await callAdmin(cli, flags, { method: 'DELETE', path: pathOf(subject), bytesMax });
    return printAnswer(cli, flags, { subject }, [`${subject} has no quota any more.`]);
  },
};

export const quotaCommands: readonly Command[] = [set, get, list, remove];

function show(cli: Cli, flags: Flags, quota: QuotaAnswer): number {
  if (flags.has('--json')) {
    cli.out(JSON.stringify(quota));
    return 0;
  }
  cli.out(quota.subject);
  const rows = (['bytes', 'inodes'] as const).map((what) => {
    const { used, soft, hard } = quota[what];
    return [
      `  ${what}`,
      `${rounded(used, what)} used`,
      `soft ${limit(soft)}`,
      `hard ${limit(hard)}`,
      stateOf(quota, what),
    ];
  });
  for (const line of columns(rows)) cli.out(line);
  cli.out(`  grace   ${formatDuration(quota.graceSeconds * 1000)}`);
  return 0;
}

function rowOf(quota: QuotaAnswer): readonly string[] {
  const { subject, bytes, inodes } = quota;
  const states = (['bytes', 'inodes'] as const).map((what) => {
    const state = stateOf(quota, what);
    return state === 'ok' ? [] : [`${what} ${state}`];
  });
  const state = states.flat().join(', ') || 'ok';
  return [subject, ...cells(bytes, 'bytes'), ...cells(inodes, 'inodes'), state];
}

const cells = ({ used, soft, hard }: UsageAnswer, what: 'bytes' | 'inodes'): readonly string[] => [
  rounded(used, what),
  limit(soft),
  limit(hard),
];

const limit = (value: number | undefined): string => (value === undefined ? '-' : formatQuantity(value));

function stateOf(quota: QuotaAnswer, what: 'bytes' | 'inodes'): string {
  const { state, graceEnds } = quota[what];
  if (state === 'over-soft') return `over soft until ${graceEnds}`;
  if (state === 'grace-over') return `over soft since before ${graceEnds}: takes nothing more`;
  return state;
}

const rounded = (used: number, what: 'bytes' | 'inodes'): string =>
  what === 'inodes' ? String(used) : roughQuantity(used);
