import { columns } from '../config/render.ts';
import { attachedListSchema, attachedSchema, type AttachedAnswer } from '../gateway/admin/attached.ts';
import { ATTACHED_ANSWER_BYTES_MAX } from '../limits/tiering.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, userKeysNote, type AdminRequest } from './admin-call.ts';
import type { Cli, Command } from './command.ts';
import { untilOver, waitFlag } from './wait.ts';

type Flags = ReadonlyMap<string, string>;

const bytesMax = ATTACHED_ANSWER_BYTES_MAX;
const pathOf = (bucket: string): string => `/v1/cold/attached/${encodeURIComponent(bucket)}`;

const askOne = (cli: Cli, flags: Flags, request: Omit<AdminRequest, 'bytesMax'>): Promise<AttachedAnswer> =>
  askAdmin(cli, flags, attachedSchema, { ...request, bytesMax });

const askAll = async (cli: Cli, flags: Flags): Promise<readonly AttachedAnswer[]> => {
  const request = { method: 'GET', path: '/v1/cold/attached', bytesMax } as const;
  return (await askAdmin(cli, flags, attachedListSchema, request)).attached;
};

/** The state of one; `undefined`: it is not attached any more. */
const asking = (cli: Cli, flags: Flags, bucket: string) => async (): Promise<AttachedAnswer | undefined> =>
  (await askAll(cli, flags)).find((it) => it.bucket === bucket);

const attach: Command = {
  name: 'cold attach',
  operands: ['BUCKET', 'URL'],
  summary: 'Shows in an empty bucket what lies in a bucket of any S3 store, without copying it.',
  flags: [
    { name: '--read-only', description: 'Refuses every change of the bucket here' },
    jsonFlag,
    adminFlag,
  ],
  notes: [
    userKeysNote,
    'URL: s3://THEIR-BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME&profile=NAME; without an endpoint, AWS.',
    'The gateway reads with the keys of that profile of AWS programs, else with those of its cold store.',
    'What is changed or deleted here is so only here; nothing is written to the other bucket.',
  ],
  async run(cli, flags, [bucket = '', url = '']) {
    const access = flags.has('--read-only') ? 'read-only' : 'local';
    const answer = await askOne(cli, flags, { method: 'PUT', path: pathOf(bucket), body: { url, access } });
    return printAnswer(cli, flags, answer, [`The bucket ${bucket} shows ${answer.url}.`]);
  },
};

const list: Command = {
  name: 'cold list',
  summary: 'Lists the buckets that show what lies in others.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote],
  async run(cli, flags) {
    const attached = await askAll(cli, flags);
    const rows = attached.map((it) => [it.bucket, it.access, stateOf(it), it.url]);
    const lines = [...columns([['bucket', 'access', 'state', 'shows'], ...rows]), ...reasonsOf(attached)];
    return printAnswer(cli, flags, { attached }, lines);
  },
};

function stateOf({ state, answers, foldersWaiting, blobsLeft }: AttachedAnswer): string {
  if (state === 'detaching') return blobsLeft === undefined ? state : `${state}, ${blobsLeft} pieces left`;
  if (!answers) return 'away';
  return foldersWaiting === 0 ? state : `refreshing, ${foldersWaiting} folders left`;
}

const reasonsOf = (attached: readonly AttachedAnswer[]): readonly string[] =>
  attached.flatMap(({ bucket, reason }) => (reason === undefined ? [] : [`${bucket}: ${reason}`]));

const detach: Command = {
  name: 'cold detach',
  operands: ['BUCKET'],
  summary: 'Ends it: what nobody has changed goes from the bucket here, what was made here stays.',
  flags: [waitFlag, jsonFlag, adminFlag],
  notes: [userKeysNote, 'Nothing is deleted in the other bucket.'],
  async run(cli, flags, [bucket = '']) {
    const ordered = await askOne(cli, flags, { method: 'DELETE', path: pathOf(bucket) });
    if (!flags.has('--wait'))
      return printAnswer(cli, flags, ordered, [`${bucket} is being detached: terrace cold list shows it.`]);
    const last = await untilOver(cli, {
      ask: asking(cli, flags, bucket),
      isOver: (answer) => answer === undefined || (answer.blobsLeft ?? 0) > 0,
      line: () => `${bucket} is being detached.`,
    });
    if (last === undefined) return printAnswer(cli, flags, ordered, [`${bucket} is detached.`]);
    const line = `${last.blobsLeft} pieces of content that was copied here are still only in ${last.url}: delete what needs them, or move it to another tier.`;
    printAnswer(cli, flags, last, [line]);
    return 1;
  },
};

const refresh: Command = {
  name: 'cold refresh',
  operands: ['BUCKET[/PREFIX]'],
  summary: 'Looks again at what an attached bucket shows: new, changed and deleted objects.',
  flags: [waitFlag, jsonFlag, adminFlag],
  notes: [userKeysNote, 'What was changed or deleted here stays as it is here.'],
  async run(cli, flags, [target = '']) {
    const slash = target.indexOf('/');
    const bucket = slash < 0 ? target : target.slice(0, slash);
    const prefix = slash < 0 ? '' : target.slice(slash + 1);
    const path = `${pathOf(bucket)}/refresh`;
    const ordered = await askOne(cli, flags, { method: 'POST', path, body: { prefix } });
    if (!flags.has('--wait'))
      return printAnswer(cli, flags, ordered, [`${target} is being looked at: terrace cold list shows it.`]);
    const last = await untilOver(cli, {
      ask: asking(cli, flags, bucket),
      isOver: (answer) => answer === undefined || answer.foldersWaiting === 0 || !answer.answers,
      line: (answer) => `${answer?.foldersWaiting ?? 0} folders left.`,
    });
    const isDone = last?.foldersWaiting === 0;
    const line = isDone ? `${target} is as it is there.` : (last?.reason ?? `${bucket} is not attached.`);
    printAnswer(cli, flags, last ?? ordered, [line]);
    return isDone ? 0 : 1;
  },
};

export const coldCommands: readonly Command[] = [attach, list, detach, refresh];
