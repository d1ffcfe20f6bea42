import { surrounding, type ObjectStoreLayer } from '../object-store.ts';

/** No call goes through before `admit` has succeeded once; calls share one attempt at it and hear of its failure. */
export function admitted(admit: () => Promise<void>): ObjectStoreLayer {
  let admission: Promise<void> | undefined;
  let isAdmitted = false;
  const admitOnce = async (): Promise<void> => {
    try {
      await admit();
      isAdmitted = true;
    } finally {
      admission = undefined;
    }
  };
  return surrounding(async (_, signal, call) => {
    if (!isAdmitted) await (admission ??= admitOnce());
    return call(signal);
  });
}
