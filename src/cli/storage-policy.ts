import { formatDuration, roughQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import {
  reportSchema,
  storagePolicyListSchema,
  storagePolicySchema,
  type ReportAnswer,
  type StoragePolicyAnswer,
} from '../gateway/admin/storage-policies.ts';
import { historySchema, tierNames } from '../gateway/admin/tiers.ts';
import { TIERS_BYTES_MAX } from '../limits/storage-policy.ts';
import { userKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';
import { historyLines } from './tier.ts';

const bytesMax = TIERS_BYTES_MAX;
const notes = [userKeysNote];
const root = '/v1/storage-policies';
const pathOf = (name: string, about = ''): string => `${root}/${encodeURIComponent(name)}${about}`;

const put = asking({
  name: 'tier policy put',
  operands: ['NAME', 'FILE'],
  summary: 'Makes or replaces a storage policy: on which tier the objects of a bucket or prefix belong.',
  notes: [
    userKeysNote,
    'In the place of FILE the JSON itself may stand: \'{"target":"photos","preset":"balanced"}\'; see docs/storage-policies.md.',
  ],
  schema: storagePolicySchema,
  request: async ([name = '', file = '']) => ({
    ...{ method: 'PUT', path: pathOf(name), bytesMax },
    body: await policyDocumentOf(file),
  }),
  lines: (answer, [name = '']) => [`Storage policy ${name}: ${sentenceOf(answer)}.`],
});

const list = asking({
  name: 'tier policy list',
  summary: 'Lists the storage policies.',
  notes,
  schema: storagePolicyListSchema,
  request: () => ({ path: root, bytesMax }),
  lines: ({ policies }) => {
    const rows = policies.map((it) => [it.name, it.document.target, sentenceOf(it)]);
    return columns([['name', 'target', 'says'], ...rows]);
  },
});

const get = asking({
  name: 'tier policy get',
  operands: ['NAME'],
  summary: 'Shows a storage policy, with what its preset adds.',
  notes,
  schema: storagePolicySchema,
  request: ([name = '']) => ({ path: pathOf(name), bytesMax }),
  lines: (answer) => [`${answer.document.target}: ${sentenceOf(answer)}.`],
});

const remove = telling({
  name: 'tier policy remove',
  operands: ['NAME'],
  summary: 'Removes a storage policy; what it has moved stays where it is.',
  notes,
  request: ([name = '']) => ({ method: 'DELETE', path: pathOf(name), bytesMax }),
  done: ([name = '']) => `Storage policy ${name} is removed.`,
});

const report = asking({
  name: 'tier policy report',
  operands: ['NAME'],
  summary: 'Shows how much of what a storage policy is about lies where it wants it, and what it costs.',
  notes,
  schema: reportSchema,
  request: ([name = '']) => ({ path: pathOf(name, '/report'), bytesMax }),
  lines: reportLines,
});

function* reportLines({ at, tiers: shares, compliant, pending, cost }: ReportAnswer): Generator<string> {
  yield `As of ${at}:`;
  const rowOf = (name: string, { objects, bytes }: ReportAnswer['compliant']): readonly string[] => [
    name,
    String(objects),
    roughQuantity(bytes),
  ];
  yield* columns([
    ['', 'objects', 'bytes'],
    ...tierNames.map((tier) => rowOf(tier, shares[tier])),
    rowOf('compliant', compliant),
    ...Object.entries(pending).map(([reason, share]) => rowOf(`pending: ${reason}`, share)),
  ]);
  yield `A month costs ${cost.now.toFixed(2)}, and ${cost.compliant.toFixed(2)} when all is where it belongs.`;
}

const history = asking({
  name: 'tier policy history',
  operands: ['NAME'],
  summary: 'Lists the last 50 migrations of a storage policy.',
  notes,
  schema: historySchema,
  request: ([name = '']) => ({ path: pathOf(name, '/migrations'), bytesMax }),
  lines: historyLines,
});

function sentenceOf(policy: StoragePolicyAnswer): string {
  const { hotAboveIops, coldAtOrBelowIops, cooldownSeconds, pools } = policy;
  const rule = `hot above ${hotAboveIops} IOPS, cold at or below ${coldAtOrBelowIops}, else warm`;
  const only = pools.length === tierNames.length ? '' : `, of ${pools.join(' and ')} only`;
  return `${rule}${only}, not within ${formatDuration(cooldownSeconds * 1000)} of a write or a move`;
}

export const storagePolicyCommands: readonly Command[] = [put, list, get, remove, report, history];
