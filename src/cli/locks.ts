import { columns } from '../config/render.ts';
import { lockListSchema, releasedSchema, type LockListAnswer } from '../gateway/admin/locks.ts';
import { LOCKS_BYTES_MAX } from '../limits/nfs.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';

const list: Command = {
  name: 'locks list',
  summary: 'Lists the locks that NFS clients have, and who waits for one.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote],
  async run(cli, flags) {
    const request = { method: 'GET', path: '/v1/locks', bytesMax: LOCKS_BYTES_MAX } as const;
    const answer = await askAdmin(cli, flags, lockListSchema, request);
    return printAnswer(cli, flags, answer, rendered(answer));
  },
};

const release: Command = {
  name: 'locks release',
  operands: ['ADDRESS', 'CLIENT'],
  summary: 'Gives back all locks of a client that is gone for good, as terrace locks list names it.',
  flags: [jsonFlag, adminFlag],
  notes: [
    userKeysNote,
    'A client that still lives believes that it has its locks: release only those of dead ones.',
  ],
  async run(cli, flags, [address = '', name = '']) {
    const body = { address, name };
    const request = { method: 'POST', path: '/v1/locks/release', body, bytesMax: LOCKS_BYTES_MAX } as const;
    const answer = await askAdmin(cli, flags, releasedSchema, request);
    const { released } = answer;
    const what = released === 0 ? 'Nothing was' : released === 1 ? '1 lock was' : `${released} locks were`;
    const text = `${what} held by ${name} at ${address}.`;
    return printAnswer(cli, flags, answer, [text]);
  },
};

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
