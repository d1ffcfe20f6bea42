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
      const wrapped = wrap(object);
      const read: OpenObject['read'] =
        wrapped.read ?? ((offset: number, length: number) => object.read(offset, length));
      async function* lend(offset: number, length: number): ReturnType<OpenObject['lend']> {
        for await (const bytes of read(offset, length)) yield { parts: [bytes], letGo: () => undefined };
      }
      return { found: object.found, lend, close: () => object.close(), ...wrapped, read };
    });
}
