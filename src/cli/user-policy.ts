import { columns } from '../config/render.ts';
import { policyListSchema, policySchema } from '../gateway/admin/users.ts';
import { USERS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';
import { policyDocumentOf } from './policy-document.ts';

const notes = [userKeysNote];
const bytesMax = USERS_BYTES_MAX;

const pathOf = (user: string, policy: string): string =>
  `/v1/users/${encodeURIComponent(user)}/policies/${encodeURIComponent(policy)}`;

const put: Command = {
  name: 'user policy put',
  operands: ['NAME', 'POLICY', 'FILE'],
  summary: 'Gives a user an identity policy: from then on it may do only what its policies allow.',
  flags: [jsonFlag, adminFlag],
  notes: [...notes, 'In the place of FILE the JSON itself may stand.'],
  async run(cli, flags, [name = '', policy = '', file = '']) {
    const body = await policyDocumentOf(file);
    await callAdmin(cli, flags, { method: 'PUT', path: pathOf(name, policy), body, bytesMax });
    cli.out(
      flags.has('--json') ? JSON.stringify({ name: policy }) : `User ${name} has the policy ${policy}.`,
    );
    return 0;
  },
};

const list: Command = {
  name: 'user policy list',
  operands: ['NAME'],
  summary: 'Lists the identity policies of a user; without any it may do everything in its own buckets.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    const path = `/v1/users/${encodeURIComponent(name)}/policies`;
    const answer = await askAdmin(cli, flags, policyListSchema, { method: 'GET', path, bytesMax });
    const rows = answer.policies.map((policy) => [policy.name, policy.declared ? 'config' : 'store']);
    const lines = columns([['policy', 'from'], ...rows]);
    return printAnswer(cli, flags, answer, lines);
  },
};

const get: Command = {
  name: 'user policy get',
  operands: ['NAME', 'POLICY'],
  summary: 'Prints the document of an identity policy.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '', policy = '']) {
    const request = { method: 'GET', path: pathOf(name, policy), bytesMax } as const;
    const answer = await askAdmin(cli, flags, policySchema, request);
    const text = flags.has('--json') ? JSON.stringify(answer) : JSON.stringify(answer.document, undefined, 2);
    for (const line of text.split('\n')) cli.out(line);
    return 0;
  },
};

const remove: Command = {
  name: 'user policy delete',
  operands: ['NAME', 'POLICY'],
  summary: 'Takes an identity policy from a user.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '', policy = '']) {
    await callAdmin(cli, flags, { method: 'DELETE', path: pathOf(name, policy), bytesMax });
    const sentence = `The policy ${policy} of ${name} is deleted.`;
    return printAnswer(cli, flags, { name: policy }, [sentence]);
  },
};

export const userPolicyCommands: readonly Command[] = [put, list, get, remove];
