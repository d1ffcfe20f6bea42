import { columns } from '../config/render.ts';
import { jobListSchema } from '../gateway/admin/jobs.ts';
import { STATUS_BYTES_MAX } from '../limits.ts';
import { userKeysNote } from './admin-call.ts';
import { asking, telling } from './admin-command.ts';
import type { Command } from './command.ts';

const notes = [userKeysNote];
const bytesMax = STATUS_BYTES_MAX;

const list = asking({
  name: 'jobs list',
  summary: 'Lists the background work of a running gateway.',
  notes,
  schema: jobListSchema,
  request: () => ({ path: '/v1/jobs', bytesMax }),
  lines({ jobs }) {
    const rows = jobs.map(({ name, state, canPause, unitsDone, failure }) => [
      ...[name, state, String(unitsDone), canPause ? 'yes' : 'no', failure ?? '-'],
    ]);
    return columns([['job', 'state', 'units done', 'can pause', 'last failure'], ...rows]);
  },
});

/** A command that does one thing to one job. */
const change = (verb: 'pause' | 'resume' | 'run', summary: string, done: string): Command =>
  telling({
    name: `jobs ${verb}`,
    operands: ['NAME'],
    summary,
    notes,
    request: ([name = '']) => ({
      ...{ method: 'POST', path: `/v1/jobs/${encodeURIComponent(name)}/${verb}`, bytesMax },
    }),
    done: ([name]) => `The job ${name} ${done}.`,
    json: ([name]) => ({ name }),
  });

export const jobCommands: readonly Command[] = [
  list,
  change('pause', 'Pauses a job, also over restarts, once its unit under way has ended.', 'is paused'),
  change('resume', 'Lets a paused job go on.', 'goes on'),
  change('run', 'Runs a job now instead of at its next turn.', 'runs'),
];
