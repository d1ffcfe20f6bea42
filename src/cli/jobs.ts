import { columns } from '../config/render.ts';
import { jobListSchema } from '../gateway/admin/jobs.ts';
import { STATUS_BYTES_MAX } from '../limits.ts';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';

const notes = [userKeysNote];
const bytesMax = STATUS_BYTES_MAX;

const list: Command = {
  name: 'jobs list',
  summary: 'Lists the background work of a running gateway.',
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags) {
    const answer = await askAdmin(cli, flags, jobListSchema, { method: 'GET', path: '/v1/jobs', bytesMax });
    const rows = answer.jobs.map(({ name, state, canPause, unitsDone, failure }) => [
      ...[name, state, String(unitsDone), canPause ? 'yes' : 'no', failure ?? '-'],
    ]);
    const lines = columns([['job', 'state', 'units done', 'can pause', 'last failure'], ...rows]);
    return printAnswer(cli, flags, answer, lines);
  },
};

/** A command that does one thing to one job. */
const change = (verb: 'pause' | 'resume' | 'run', summary: string, done: string): Command => ({
  name: `jobs ${verb}`,
  operands: ['NAME'],
  summary,
  flags: [jsonFlag, adminFlag],
  notes,
  async run(cli, flags, [name = '']) {
    const path = `/v1/jobs/${encodeURIComponent(name)}/${verb}`;
    await callAdmin(cli, flags, { method: 'POST', path, bytesMax });
    return printAnswer(cli, flags, { name }, [`The job ${name} ${done}.`]);
  },
});

export const jobCommands: readonly Command[] = [
  list,
  change('pause', 'Pauses a job, also over restarts, once its unit under way has ended.', 'is paused'),
  change('resume', 'Lets a paused job go on.', 'goes on'),
  change('run', 'Runs a job now instead of at its next turn.', 'runs'),
];
