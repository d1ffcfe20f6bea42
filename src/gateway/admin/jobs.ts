import { Type } from '@sinclair/typebox';
import type { StepState } from '../../scheduler.ts';

/** Background work as an operator handles it. Fault('not-found', 'request') for a name that is none. */
export interface Jobs {
  list(): readonly (StepState & { readonly canPause: boolean })[];
  /** Also after a restart. The unit under way ends first. Fault('invalid-argument', 'request') for what must go on. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** Soon, even when it rests or has failed; not while it is paused, which is Fault('conflict', 'request'). */
  run(name: string): void;
}

const jobSchema = Type.Object({
  name: Type.String(),
  state: Type.Unsafe<StepState['state']>({
    type: 'string',
    enum: ['running', 'waiting', 'paused', 'failing'],
  }),
  canPause: Type.Boolean(),
  unitsDone: Type.Integer({ description: 'Since the start of the gateway.' }),
  failuresInRow: Type.Integer(),
  failure: Type.Optional(Type.String()),
});

export const jobListSchema = Type.Object({ jobs: Type.Array(jobSchema) });
export const jobPath = Type.Object({ job: Type.String() });
