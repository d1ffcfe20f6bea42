import { Fault, type FaultCode } from '../../src/fault.ts';

/** How an operation ended: `done`, or the code of its fault. Anything else is no fault and goes on. */
export const faultOf = (attempt: Promise<unknown>): Promise<FaultCode | 'done'> =>
  attempt.then(
    () => 'done' as const,
    (cause: unknown) => {
      if (cause instanceof Fault) return cause.code;
      throw cause;
    },
  );
