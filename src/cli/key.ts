import type { Static, TSchema } from '@sinclair/typebox';
import { columns } from '../config/render.ts';
import { Fault } from '../fault.ts';
import { keyListSchema, keySchema, type KeyAnswer } from '../gateway/admin/keys.ts';
import { RING_KEYS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, rootKeysNote, type AdminRequest } from './admin-call.ts';
import type { Cli, Command } from './command.ts';
import { untilOver, waitFlag } from './wait.ts';

type Flags = ReadonlyMap<string, string>;

const nameNote = 'KEY is an id or an alias, as terrace key list shows them.';

const create: Command = {
  name: 'key create',
  summary: 'Makes an encryption key that S3 clients can name (SSE-KMS).',
  flags: [
    { name: '--alias', placeholder: 'A', description: 'A name for it; clients may write alias/A' },
    jsonFlag,
    adminFlag,
  ],
  notes: [rootKeysNote],
  async run(cli, flags) {
    const alias = flags.get('--alias');
    const body = alias === undefined ? {} : { alias };
    const key = await ask(cli, flags, keySchema, { method: 'POST', path: '/v1/keys', body });
    return show(cli, flags, key, [`Key ${key.id} is made.`, `  ${key.arn}`]);
  },
};

const list: Command = {
  name: 'key list',
  summary: 'Lists the encryption keys and what is left to seal anew after a rotation.',
  flags: [jsonFlag, adminFlag],
  notes: [rootKeysNote],
  async run(cli, flags) {
    const answer = await ask(cli, flags, keyListSchema, { method: 'GET', path: '/v1/keys' });
    const rows = answer.keys.map((key) => [
      ...[key.id, key.alias ?? '-', key.state, String(key.version)],
      key.oldVersions.length === 0 ? '-' : key.oldVersions.join(', '),
      progressOf(key),
    ]);
    const lines = columns([['id', 'alias', 'state', 'version', 'old versions', 'progress'], ...rows]);
    return printAnswer(cli, flags, answer, lines);
  },
};

const rotate: Command = {
  name: 'key rotate',
  operands: ['KEY'],
  summary:
    'Gives a key new material; what is encrypted stays, and its keys are sealed anew in the background.',
  flags: [waitFlag, jsonFlag, adminFlag],
  notes: [rootKeysNote, nameNote],
  async run(cli, flags, [name = '']) {
    let key = await ask(cli, flags, keySchema, { method: 'POST', path: pathOf(name, '/rotate') });
    if (flags.has('--wait')) {
      const { id } = key;
      key = await untilOver(cli, {
        ask: () => again(cli, flags, id),
        isOver: ({ oldVersions }) => oldVersions.length === 0,
        line: (now) => `Key ${id}: ${progressOf(now)}`,
      });
    }
    const left =
      key.oldVersions.length === 0 ? 'No older version is left.' : 'Older ones go when nothing needs them.';
    return show(cli, flags, key, [`Key ${key.id} has version ${key.version}. ${left}`]);
  },
};

/** A command that does one thing to one key. */
const change = (
  command: Pick<Command, 'name' | 'summary'>,
  request: { readonly method: 'POST' | 'DELETE'; readonly path: string },
  sentence: (key: KeyAnswer) => string,
): Command => ({
  ...command,
  operands: ['KEY'],
  flags: [jsonFlag, adminFlag],
  notes: [rootKeysNote, nameNote],
  async run(cli, flags, [name = '']) {
    const { method, path } = request;
    const key = await ask(cli, flags, keySchema, { method, path: pathOf(name, path) });
    return show(cli, flags, key, [sentence(key)]);
  },
});

const disable = change(
  { name: 'key disable', summary: 'Stops a key from sealing and opening anything until it is enabled.' },
  { method: 'POST', path: '/disable' },
  ({ id }) => `Key ${id} is disabled: what it seals cannot be read.`,
);

const enable = change(
  { name: 'key enable', summary: 'Lets a disabled key seal and open again.' },
  { method: 'POST', path: '/enable' },
  ({ id }) => `Key ${id} is enabled.`,
);

const remove = change(
  { name: 'key delete', summary: 'Deletes a disabled key once nothing is found that it seals.' },
  { method: 'DELETE', path: '' },
  ({ id }) => `Key ${id} goes when nothing is found that needs it; else it is disabled again.`,
);

export const keyCommands: readonly Command[] = [create, list, rotate, disable, enable, remove];

const pathOf = (name: string, rest: string): string => `/v1/keys/${encodeURIComponent(name)}${rest}`;

function show(cli: Cli, flags: Flags, key: KeyAnswer, lines: readonly string[]): number {
  return printAnswer(cli, flags, key, lines);
}

function progressOf({ progress }: KeyAnswer): string {
  if (progress === undefined) return '-';
  const { running, examined, matched } = progress;
  return `${running ? 'running' : 'done'}: ${matched} of ${examined}`;
}

async function again(cli: Cli, flags: Flags, id: string): Promise<KeyAnswer> {
  const { keys } = await ask(cli, flags, keyListSchema, { method: 'GET', path: '/v1/keys' });
  const key = keys.find((it) => it.id === id);
  if (key === undefined) throw new Fault('not-found', 'key', `The key ${id} is gone.`);
  return key;
}

const ask = <Schema extends TSchema>(
  cli: Cli,
  flags: Flags,
  schema: Schema,
  request: Omit<AdminRequest, 'bytesMax'>,
): Promise<Static<Schema>> => askAdmin(cli, flags, schema, { ...request, bytesMax: RING_KEYS_BYTES_MAX });
