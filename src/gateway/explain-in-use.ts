import { Fault } from '../fault.ts';

/** What the store and the device say when another process has them open: here it becomes what to do about it. */
export const explainInUse =
  (subject: string, flag: string) =>
  (cause: unknown): never => {
    if (!(cause instanceof Fault) || !cause.detail.endsWith('is in use by another process')) throw cause;
    const detail = `${subject} is in use: stop the gateway that runs on it, or choose another with ${flag}.`;
    throw new Fault('unavailable', cause.subject, detail, { cause });
  };
