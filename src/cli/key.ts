import { columns } from '../config/render.ts';
import { Fault } from '../fault.ts';
import { keyListSchema, keySchema, type KeyAnswer } from '../gateway/admin/keys.ts';
import { RING_KEYS_BYTES_MAX } from '../limits.ts';
import { rootKeysNote, type AdminRequest } from './admin-call.ts';
import { asking, ordering } from './admin-command.ts';
import type { Command } from './command.ts';

const root = '/v1/keys';
const bytesMax = RING_KEYS_BYTES_MAX;
const pathOf = (name: string, rest: string): string => `${root}/${encodeURIComponent(name)}${rest}`;
const nameNote = 'KEY is an id or an alias, as terrace key list shows them.';

const create = asking({
  name: 'key create',
  summary: 'Makes an encryption key that S3 clients can name (SSE-KMS).',
  flags: [{ name: '--alias', placeholder: 'A', description: 'A name for it; clients may write alias/A' }],
  notes: [rootKeysNote],
  schema: keySchema,
  request(_operands, flags) {
    const alias = flags.get('--alias');
    return { method: 'POST', path: root, body: alias === undefined ? {} : { alias }, bytesMax };
  },
  lines: ({ id, arn }) => [`Key ${id} is made.`, `  ${arn}`],
});

const list = asking({
  name: 'key list',
  summary: 'Lists the encryption keys and what is left to seal anew after a rotation.',
  notes: [rootKeysNote],
  schema: keyListSchema,
  request: () => ({ path: root, bytesMax }),
  lines({ keys }) {
    const rows = keys.map((key) => [
      ...[key.id, key.alias ?? '-', key.state, String(key.version)],
      key.oldVersions.length === 0 ? '-' : key.oldVersions.join(', '),
      progressOf(key),
    ]);
    return columns([['id', 'alias', 'state', 'version', 'old versions', 'progress'], ...rows]);
  },
});

const rotate = ordering({
  name: 'key rotate',
  operands: ['KEY'],
  summary:
    'Gives a key new material; what is encrypted stays, and its keys are sealed anew in the background.',
  notes: [rootKeysNote, nameNote],
  schema: keySchema,
  request: ([name = '']) => ({ method: 'POST', path: pathOf(name, '/rotate'), bytesMax }),
  async soFar(ask, { id }) {
    const { keys } = await ask(keyListSchema, { path: root, bytesMax });
    const key = keys.find((it) => it.id === id);
    if (key === undefined) throw new Fault('not-found', 'key', `The key ${id} is gone.`);
    return key;
  },
  isOver: ({ oldVersions }) => oldVersions.length === 0,
  progress: (key) => `Key ${key.id}: ${progressOf(key)}`,
  lines({ id, version, oldVersions }) {
    const left =
      oldVersions.length === 0 ? 'No older version is left.' : 'Older ones go when nothing needs them.';
    return [`Key ${id} has version ${version}. ${left}`];
  },
});

/** A command that does one thing to one key. */
const change = (
  command: Pick<Command, 'name' | 'summary'>,
  { method, path }: Required<Pick<AdminRequest, 'method' | 'path'>>,
  sentence: (key: KeyAnswer) => string,
): Command =>
  asking({
    ...command,
    operands: ['KEY'],
    notes: [rootKeysNote, nameNote],
    schema: keySchema,
    request: ([name = '']) => ({ method, path: pathOf(name, path), bytesMax }),
    lines: (key) => [sentence(key)],
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

function progressOf({ progress }: KeyAnswer): string {
  if (progress === undefined) return '-';
  const { running, examined, matched } = progress;
  return `${running ? 'running' : 'done'}: ${matched} of ${examined}`;
}
