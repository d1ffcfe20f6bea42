import { Fault } from '../../../fault.ts';
import { COLD_PATIENT_TURN } from '../../../limits/tiering.ts';
import { surrounding, type ObjectStoreLayer } from '../object-store.ts';

/**
 * At most `runningMax` calls at a time; further ones wait, who is waited for first, but for one place in
 * `COLD_PATIENT_TURN`. Fault('throttled', 'store') when `waitingMax` wait already.
 */
export function bounded({
  runningMax,
  waitingMax,
}: {
  readonly runningMax: number;
  readonly waitingMax: number;
}): ObjectStoreLayer {
  const urgent: (() => void)[] = [];
  const patient: (() => void)[] = [];
  let running = 0;
  let turns = 0;
  const next = (): (() => void) | undefined => {
    turns += 1;
    return turns % COLD_PATIENT_TURN === 0
      ? (patient.shift() ?? urgent.shift())
      : (urgent.shift() ?? patient.shift());
  };
  const leave = (): void => {
    const called = next();
    // A place that is handed on stays counted.
    if (called === undefined) running -= 1;
    else called();
  };
  const enter = async (isUrgent: boolean): Promise<void> => {
    if (running < runningMax) {
      running += 1;
      return;
    }
    if (urgent.length + patient.length >= waitingMax) {
      const detail = `${waitingMax} calls to the cold store wait for their turn`;
      throw new Fault('throttled', 'store', detail);
    }
    await new Promise<void>((resolve) => (isUrgent ? urgent : patient).push(resolve));
  };
  return surrounding(async ({ isUrgent }, signal, call) => {
    await enter(isUrgent);
    try {
      signal.throwIfAborted();
      return await call(signal);
    } finally {
      leave();
    }
  });
}
