import type { Clock } from '../../../environment.ts';
import { Fault } from '../../../fault.ts';
import { COLD_ATTEMPT_MS, COLD_BYTES_PER_SECOND_MIN, COLD_COMPLETE_MS } from '../../../limits/tiering.ts';
import { surrounding, type ObjectOperation, type ObjectStoreLayer } from '../object-store.ts';
import { withAbort } from './with-abort.ts';

/** Ends an attempt that takes too long for its bytes: Fault('unavailable', 'store'). `objectBytes`: of a whole object, at most. */
export const timed = (clock: Clock, objectBytes: number): ObjectStoreLayer =>
  surrounding((operation, signal, call) =>
    withAbort(signal, async (own) => {
      const msMax = attemptMs(operation, objectBytes);
      const done = new AbortController();
      const detail = `the cold store has not answered a ${operation.name} within ${Math.round(msMax / 1000)} seconds`;
      clock.sleep(msMax, done.signal).then(
        () => own.abort(new Fault('unavailable', 'store', detail)),
        () => undefined,
      );
      try {
        return await call(own.signal);
      } finally {
        done.abort();
      }
    }),
  );

function attemptMs({ name, bytes }: ObjectOperation, objectBytes: number): number {
  if (name === 'complete') return COLD_COMPLETE_MS;
  const moved = name === 'get' && bytes === 0 ? objectBytes : bytes;
  return COLD_ATTEMPT_MS + (moved * 1000) / COLD_BYTES_PER_SECOND_MIN;
}
