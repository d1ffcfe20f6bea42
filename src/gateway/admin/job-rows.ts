import type { Static } from '@sinclair/typebox';
import { jobListSchema, jobPath, type Jobs } from './jobs.ts';
import { json, nothing, type AdminRow } from './row.ts';

const listJobs: AdminRow = {
  name: 'ListJobs',
  method: 'GET',
  path: '/v1/jobs',
  access: 'granted',
  response: { 200: jobListSchema },
  handle: async ({ jobs }) => json(200, { jobs: jobs.list() }),
};

/** A row that does one thing to one job. */
const jobRow = (
  row: Pick<AdminRow, 'name' | 'path'>,
  change: (jobs: Jobs, job: string) => Promise<void> | void,
): AdminRow => ({
  ...row,
  method: 'POST',
  access: 'granted',
  params: jobPath,
  response: {},
  handle: async ({ jobs }, { params }) => {
    await change(jobs, (params as Static<typeof jobPath>).job);
    return nothing;
  },
});

/** Background work. */
export const jobRows: readonly AdminRow[] = [
  listJobs,
  jobRow({ name: 'PauseJob', path: '/v1/jobs/:job/pause' }, (jobs, job) => jobs.pause(job)),
  jobRow({ name: 'ResumeJob', path: '/v1/jobs/:job/resume' }, (jobs, job) => jobs.resume(job)),
  jobRow({ name: 'RunJob', path: '/v1/jobs/:job/run' }, (jobs, job) => jobs.run(job)),
];
