import { Fault } from '../../../fault.ts';
import { surrounding, type ObjectStoreLayer } from '../object-store.ts';
import { withAbort } from './with-abort.ts';

/** `close` ends what is under way, waits until all of it has ended, and lets nothing new begin. */
export const closing = (): ObjectStoreLayer => (inner) => {
  const underWay = new Map<AbortController, Promise<unknown>>();
  const ended = new Fault('unavailable', 'store', 'the cold store is closed');
  let isClosed = false;
  const layer = surrounding((_, signal, call) =>
    withAbort(signal, async (own) => {
      if (isClosed) throw ended;
      const running = call(own.signal);
      underWay.set(own, running);
      try {
        return await running;
      } finally {
        underWay.delete(own);
      }
    }),
  );
  return {
    ...layer(inner),
    close: async () => {
      isClosed = true;
      const left = [...underWay];
      for (const [own] of left) own.abort(ended);
      await Promise.allSettled(left.map(([, running]) => running));
      await inner.close();
    },
  };
};
