import { columns } from '../config/render.ts';
import { lockListSchema, releasedSchema, type LockListAnswer } from '../gateway/admin/locks.ts';
import { LOCKS_BYTES_MAX } from '../limits/nfs.ts';
import { userKeysNote } from './admin-call.ts';
import { asking } from './admin-command.ts';
import type { Command } from './command.ts';

const bytesMax = LOCKS_BYTES_MAX;

const list = asking({
  name: 'locks list',
  summary: 'Lists the locks that NFS clients have, and who waits for one.',
  notes: [userKeysNote],
  schema: lockListSchema,
  request: () => ({ path: '/v1/locks', bytesMax }),
  lines: rendered,
});

const release = asking({
  name: 'locks release',
  operands: ['ADDRESS', 'CLIENT'],
  summary: 'Gives back all locks of a client that is gone for good, as terrace locks list names it.',
  notes: [
    userKeysNote,
    'A client that still lives believes that it has its locks: release only those of dead ones.',
  ],
  schema: releasedSchema,
  request: ([address, name]) => ({
    ...{ method: 'POST', path: '/v1/locks/release', bytesMax },
    body: { address, name },
  }),
  lines({ released }, [address, name]) {
    const what = released === 0 ? 'Nothing was' : released === 1 ? '1 lock was' : `${released} locks were`;
    return [`${what} held by ${name} at ${address}.`];
  },
});

function* rendered({ graceSecondsLeft, clients, locks, truncated }: LockListAnswer): Generator<string> {
  if (graceSecondsLeft > 0)
    yield `The gateway has started anew: for ${graceSecondsLeft} s more only locks of before are taken.`;
  const clientLines = clients.map(({ address, name, held, waiting, shares }) =>
    [address, name, held, waiting, shares].map(String),
  );
  yield* columns([['address', 'client', 'held', 'waiting', 'shares'], ...clientLines]);
  yield '';
  const lockLines = locks.map((it) => [
    String(it.ino),
    it.length === 0 ? `${it.offset}-` : `${it.offset}-${it.offset + it.length - 1}`,
    it.exclusive ? 'exclusive' : 'shared',
    it.state,
    it.client,
    String(it.process),
  ]);
  yield* columns([['inode', 'bytes', 'kind', 'state', 'client', 'process'], ...lockLines]);
  if (truncated) yield 'There are more than are listed.';
}

export const lockCommands: readonly Command[] = [list, release];
