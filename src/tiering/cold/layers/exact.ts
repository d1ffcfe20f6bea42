import { Fault } from '../../../fault.ts';
import { unchanged, type ObjectBody, type ObjectRange, type ObjectStoreLayer } from '../object-store.ts';

/**
 * Nothing but the bytes that were asked for. An answer with other ones is Fault('unavailable', 'store'), which passes; an
 * object that ends before them is Fault('corrupt', 'object'), which does not.
 */
export const exact = (): ObjectStoreLayer => (inner) => ({
  ...unchanged(inner),
  get: async (key, range, signal) => {
    const body = await inner.get(key, range, signal);
    requireExact(key, range, body);
    return body;
  },
});

function requireExact(key: string, range: ObjectRange | undefined, body: ObjectBody): void {
  const { offset, length } = range ?? { offset: 0, length: body.objectBytes };
  if (offset + length > body.objectBytes) {
    const detail = `${key} has ${body.objectBytes} bytes in the cold store, and ${offset + length} were written`;
    throw new Fault('corrupt', 'object', detail);
  }
  if (body.offset === offset && body.bytes.length === length) return;
  const detail = `asked for bytes ${offset}+${length} of ${key}, the cold store answered ${body.offset}+${body.bytes.length}`;
  throw new Fault('unavailable', 'store', detail);
}
