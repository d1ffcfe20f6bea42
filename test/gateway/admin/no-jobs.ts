import assert from 'node:assert/strict';
import type { Jobs } from '../../../src/gateway/admin/jobs.ts';

/** For tests of something else. */
export const noJobs: Jobs = {
  list: () => [],
  pause: () => assert.fail(),
  resume: () => assert.fail(),
  run: () => assert.fail(),
};
