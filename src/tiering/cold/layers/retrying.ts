import type { Environment } from '../../../environment.ts';
import { Fault, type FaultCode } from '../../../fault.ts';
import {
  COLD_ATTEMPTS_MAX,
  COLD_BACKOFF_BUSY_MS_MIN,
  COLD_BACKOFF_MS_MAX,
  COLD_BACKOFF_MS_MIN,
  COLD_CALL_MS_MAX,
} from '../../../limits/tiering.ts';
import { surrounding, type ObjectStoreLayer } from '../object-store.ts';

/** What another attempt may get over. */
const passing: ReadonlySet<FaultCode> = new Set([
  'unavailable',
  'throttled',
  'conflict',
  'checksum-mismatch',
]);

/**
 * Tries again what fails in passing, after random waits whose bound doubles ("full jitter": AWS Architecture Blog,
 * Exponential Backoff And Jitter). The last failure is thrown once attempts or time are used up, or `isHopeless` says so.
 */
export const retrying = ({
  environment: { clock, random },
  isHopeless,
}: {
  readonly environment: Environment;
  readonly isHopeless: () => boolean;
}): ObjectStoreLayer =>
  surrounding(async (_, signal, call) => {
    const beganAt = clock.monotonic();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call(signal);
      } catch (failure) {
        const isFinal =
          attempt === COLD_ATTEMPTS_MAX || !isPassing(failure) || isHopeless() || signal.aborted;
        if (isFinal) throw failure;
        const waitMs = random.below(backoffMs(failure, attempt) + 1);
        if (clock.monotonic() + waitMs - beganAt > COLD_CALL_MS_MAX) throw failure;
        await clock.sleep(waitMs, signal);
      }
    }
  });

const isPassing = (failure: unknown): failure is Fault =>
  failure instanceof Fault && passing.has(failure.code);

function backoffMs({ code }: Fault, attempt: number): number {
  const base = code === 'throttled' ? COLD_BACKOFF_BUSY_MS_MIN : COLD_BACKOFF_MS_MIN;
  return Math.min(COLD_BACKOFF_MS_MAX, base * 2 ** (attempt - 1));
}
