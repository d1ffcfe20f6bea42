import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import { Fault } from '../fault.ts';
import type { Kv, KvReader } from '../kv/kv.ts';
import { tupleKey } from '../kv/tuple.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Jobs } from './admin/jobs.ts';

/** The one row of its table, which lies behind those of the audit trail. */
const PAUSED_JOBS_KEY = tupleKey(0x3f, []);
const VERSION = 1;

/** What must go on, and why. */
const unpausable: Readonly<Record<string, string>> = {
  audit: 'it keeps the audit trail complete',
  namespace: 'it writes out what NFS clients have written',
};

/** The names of jobs that an operator has paused, also before this start. */
export async function pausedJobs(reader: KvReader): Promise<ReadonlySet<string>> {
  const bytes = await reader.get(PAUSED_JOBS_KEY);
  if (bytes === undefined) return new Set();
  const row = new RecordReader(bytes);
  assert.equal(row.number(), VERSION, 'paused jobs of an unknown version');
  const names = row.list(() => row.text());
  row.end();
  return new Set(names);
}

/** Lets an operator handle what the scheduler runs. */
export function jobsOf(kv: Kv, scheduler: Scheduler): Jobs {
  const require = (name: string): void => {
    const names = scheduler.states().map((state) => state.name);
    if (names.includes(name)) return;
    throw new Fault('not-found', 'request', `There is no job ${name}: the jobs are ${names.join(', ')}.`);
  };
  const keep = (change: (names: Set<string>) => void): Promise<void> =>
    kv.transact('durable', async (tx) => {
      const names = new Set(await pausedJobs(tx));
      change(names);
      const writer = new RecordWriter().number(VERSION);
      writer.list([...names].sort(), (name) => writer.text(name));
      tx.put(PAUSED_JOBS_KEY, writer.finish());
    });
  return {
    list: () => scheduler.states().map((state) => ({ ...state, canPause: !(state.name in unpausable) })),
    async pause(name) {
      require(name);
      const reason = unpausable[name];
      if (reason !== undefined)
        throw new Fault('invalid-argument', 'request', `The job ${name} cannot be paused: ${reason}.`);
      await keep((names) => names.add(name));
      scheduler.pause(name);
    },
    async resume(name) {
      require(name);
      await keep((names) => names.delete(name));
      scheduler.resume(name);
    },
    run(name) {
      require(name);
      if (scheduler.isPaused(name))
        throw new Fault('conflict', 'request', `The job ${name} is paused: resume it.`);
      scheduler.wake(name);
    },
  };
}
