import type { Clock } from '../../../environment.ts';
import { Fault } from '../../../fault.ts';
import { COLD_SECONDS_BUCKETS } from '../../../limits/tiering.ts';
import type { Metrics } from '../../../metrics.ts';
import { layered, objectOperations, surrounding, unchanged, type ObjectStoreLayer } from '../object-store.ts';

const outcomes = [
  'ok',
  'access-denied',
  'checksum-mismatch',
  'conflict',
  'corrupt',
  'invalid-argument',
  'not-found',
  'precondition-failed',
  'range-not-satisfiable',
  'recall-pending',
  'throttled',
  'unavailable',
];

/** Counts requests by operation and outcome, their time, and bytes both ways. Once for a `Metrics`. */
export function metered(metrics: Metrics, clock: Clock): ObjectStoreLayer {
  const operation = objectOperations;
  const requests = metrics.counter({
    name: 'cold_requests_total',
    help: 'Requests to the cold store, each attempt',
    labels: { operation, outcome: outcomes },
  });
  const seconds = metrics.histogram({
    name: 'cold_request_seconds',
    help: 'Time of requests to the cold store',
    labels: { operation },
    buckets: COLD_SECONDS_BUCKETS,
  });
  const bytes = metrics.counter({
    name: 'cold_bytes_total',
    help: 'Bytes sent to the cold store and received from it',
    labels: { direction: ['sent', 'received'] },
  });
  const counting = surrounding(async ({ name }, signal, call) => {
    const beganAt = clock.monotonic();
    const settle = (outcome: string): void => {
      requests.add({ operation: name, outcome }, 1);
      seconds.observe({ operation: name }, (clock.monotonic() - beganAt) / 1000);
    };
    try {
      const answer = await call(signal);
      settle('ok');
      return answer;
    } catch (failure) {
      settle(failure instanceof Fault ? failure.code : 'other');
      throw failure;
    }
  });
  const weighing: ObjectStoreLayer = (inner) => ({
    ...unchanged(inner),
    put: async (key, upload, signal) => {
      const stored = await inner.put(key, upload, signal);
      bytes.add({ direction: 'sent' }, upload.bytes.length);
      return stored;
    },
    putPart: async (key, part, signal) => {
      const stored = await inner.putPart(key, part, signal);
      bytes.add({ direction: 'sent' }, part.bytes.length);
      return stored;
    },
    get: async (key, range, signal) => {
      const body = await inner.get(key, range, signal);
      bytes.add({ direction: 'received' }, body.bytes.length);
      return body;
    },
  });
  return (inner) => layered(inner, [counting, weighing]);
}
