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
import { userKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';

type Flags = ReadonlyMap<string, string>;

const subjectNotes = [
  'SUBJECT is bucket/NAME, user/UID, user/NAME (a user of the gateway with an id of its own) or group/GID: all that a bucket',
  'holds, or what an id owns in all buckets. bucket/NAME/user/UID and bucket/NAME/group/GID count one bucket only.',
];
const bytesMax = QUOTAS_BYTES_MAX;
const root = '/v1/quotas';
const pathOf = (subject: string): string => `${root}/${subject.split('/').map(encodeURIComponent).join('/')}`;

const set = asking({
  name: 'quota set',
  operands: ['SUBJECT'],
  summary: 'Limits what a bucket, user or group stores, through both protocols; what is not given stays.',
  flags: [
    { name: '--bytes', placeholder: 'Q', description: 'Hard limit of bytes, as 10Gi; none takes it away' },
    { name: '--soft-bytes', placeholder: 'Q', description: 'May be exceeded for the time of grace' },
    { name: '--inodes', placeholder: 'N', description: 'Hard limit of files and directories, as 1M' },
    { name: '--soft-inodes', placeholder: 'N', description: 'May be exceeded for the time of grace' },
    { name: '--grace', placeholder: 'T', description: 'After it soft limits are hard. Default: 7d' },
  ],
  notes: [userKeysNote, ...subjectNotes],
  schema: quotaSchema,
  request([subject = ''], flags) {
    const grace = flags.get('--grace');
    const body = {
      bytes: limitsOf(flags, 'bytes'),
      inodes: limitsOf(flags, 'inodes'),
      ...(grace !== undefined && { graceSeconds: Math.round(parseDuration(grace) / 1000) }),
    };
    const isEmpty = [body.bytes, body.inodes].every((it) => Object.keys(it).length === 0);
    if (isEmpty && grace === undefined)
      throw new UsageError('terrace quota set needs a limit: write for example --bytes 10Gi');
    return { method: 'PUT', path: pathOf(subject), body, bytesMax };
  },
  lines: linesOf,
});

function limitsOf(flags: Flags, what: 'bytes' | 'inodes'): Record<string, number | null> {
  const given = { hard: flags.get(`--${what}`), soft: flags.get(`--soft-${what}`) };
  const limits: Record<string, number | null> = {};
  for (const [name, text] of Object.entries(given))
    if (text !== undefined) limits[name] = text === 'none' ? null : parseQuantity(text);
  return limits;
}

const get = asking({
  name: 'quota get',
  operands: ['SUBJECT'],
  summary: 'Shows what a bucket, user or group uses, and its limits if it has any.',
  notes: [userKeysNote, ...subjectNotes],
  schema: quotaSchema,
  request: ([subject = '']) => ({ path: pathOf(subject), bytesMax }),
  lines: linesOf,
});

const list = asking({
  name: 'quota list',
  summary: 'Lists all quotas with what is used, and until when soft limits may be exceeded.',
  notes: [userKeysNote],
  schema: quotaListSchema,
  request: () => ({ path: root, bytesMax }),
  lines: ({ quotas }) =>
    columns([['subject', 'bytes', 'soft', 'hard', 'inodes', 'soft', 'hard', 'state'], ...quotas.map(rowOf)]),
});

const remove = telling({
  name: 'quota remove',
  operands: ['SUBJECT'],
  summary: 'Takes all limits away from a bucket, user or group.',
  notes: [userKeysNote, ...subjectNotes],
  request: ([subject = '']) => ({ method: 'DELETE', path: pathOf(subject), bytesMax }),
  done: ([subject]) => `${subject} has no quota any more.`,
  json: ([subject]) => ({ subject }),
});

export const quotaCommands: readonly Command[] = [set, get, list, remove];

function* linesOf(quota: QuotaAnswer): Generator<string> {
  yield quota.subject;
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
  yield* columns(rows);
  yield `  grace   ${formatDuration(quota.graceSeconds * 1000)}`;
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
