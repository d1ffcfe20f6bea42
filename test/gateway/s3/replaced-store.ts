import type { ObjectStore, OpenObject } from '../../../src/namespace/namespace.ts';

/** The store with one operation replaced. */
export function replacing<Name extends keyof ObjectStore>(
  objects: ObjectStore,
  name: Name,
  replacement: ObjectStore[Name],
): ObjectStore {
  return new Proxy(objects, {
    get: (target, member) =>
      member === name ? replacement : (Reflect.get(target, member) as () => unknown).bind(target),
  });
}

/** Wraps what `open` gives. */
export function openingAs(
  wrap: (object: OpenObject) => Partial<OpenObject>,
): (objects: ObjectStore) => ObjectStore {
  return (objects) =>
    replacing(objects, 'open', async (at) => {
      const object = await objects.open(at);
      if (object === undefined) return undefined;
      const read: OpenObject['read'] = (offset, length) => object.read(offset, length);
      return { found: object.found, read, close: () => object.close(), ...wrap(object) };
    });
}
