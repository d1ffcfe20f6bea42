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
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';
import { historyLines } from './tier.ts';

const bytesMax = TIERS_BYTES_MAX;
const notes = [userKeysNote];
const root = '/v1/storage-policies';
const pathOf = (name: string, about = ''): string => `${root}/${encodeURIComponent(name)}${about}`;

const put: Command = {
  name: 'tier policy put',
  operands: ['NAME', 'FILE'],
  summary: 'Makes or replaces a storage policy: on which tier the objects of a bucket or prefix belong.',
  flags: [jsonFlag, adminFlag],
  notes: [
    userKeysNote,
    'In the place of FILE the JSON itself may stand: \'{"target":"photos","preset":"balanced"}\'; see docs/storage-policies.md.',
  ],
  async run(cli, flags, [name = '', file = '']) {
    const body = await policyDocumentOf(file);
    const request = { method: 'PUT', path: pathOf(name), body, bytesMax } as const;
    const answer = await askAdmin(cli, flags, storagePolicySchema, request);
    return printAnswer(cli, flags, answer, [`Storage policy ${name}: ${sentenceOf(answer)}.`]);
  },
};

const list: Command = {
  name: 'tier policy list',
  summary: 'Lists the storage policies.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags) {
    const answer = await askAdmin(cli, flags, storagePolicyListSchema, {
      method: 'GET',
      path: root,
      bytesMax,
    });
    const rows = answer.policies.map((it) => [it.name, it.document.target, sentenceOf(it)]);
    return printAnswer(cli, flags, answer, columns([['name', 'target', 'says'], ...rows]));
  },
};

const get: Command = {
  name: 'tier policy get',
  operands: ['NAME'],
  summary: 'Shows a storage policy, with what its preset adds.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    const request = { method: 'GET', path: pathOf(name), bytesMax } as const;
    const answer = await askAdmin(cli, flags, storagePolicySchema, request);
    return printAnswer(cli, flags, answer, [`${answer.document.target}: ${sentenceOf(answer)}.`]);
  },
};

const remove: Command = {
  name: 'tier policy remove',
  operands: ['NAME'],
  summary: 'Removes a storage policy; what it has moved stays where it is.',
  flags: [adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    await callAdmin(cli, flags, { method: 'DELETE', path: pathOf(name), bytesMax });
    cli.out(`Storage policy ${name} is removed.`);
    return 0;
  },
};

const report: Command = {
  name: 'tier policy report',
  operands: ['NAME'],
  summary: 'Shows how much of what a storage policy is about lies where it wants it, and what it costs.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    const request = { method: 'GET', path: pathOf(name, '/report'), bytesMax } as const;
    const answer = await askAdmin(cli, flags, reportSchema, request);
    return printAnswer(cli, flags, answer, reportLines(answer));
  },
};

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

const history: Command = {
  name: 'tier policy history',
  operands: ['NAME'],
  summary: 'Lists the last 50 migrations of a storage policy.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    const request = { method: 'GET', path: pathOf(name, '/migrations'), bytesMax } as const;
    const answer = await askAdmin(cli, flags, historySchema, request);
    return printAnswer(cli, flags, answer, historyLines(answer));
  },
};

function sentenceOf(policy: StoragePolicyAnswer): string {
  const { hotAboveIops, coldAtOrBelowIops, cooldownSeconds, pools } = policy;
  const rule = `hot above ${hotAboveIops} IOPS, cold at or below ${coldAtOrBelowIops}, else warm`;
  const only = pools.length === tierNames.length ? '' : `, of ${pools.join(' and ')} only`;
  return `${rule}${only}, not within ${formatDuration(cooldownSeconds * 1000)} of a write or a move`;
}

export const storagePolicyCommands: readonly Command[] = [put, list, get, remove, report, history];
