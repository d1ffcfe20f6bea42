import type { Ino } from '../../src/namespace/namespace.ts';
import type { Doors } from './doors.ts';

/** Ways in which a server could be wrong, each of which the checker has to find. One is made for each round. */
export const brokenDoors: Readonly<Record<string, () => (doors: Doors) => Doors>> = {
  'a GET from a cache that nobody clears': () => {
    const cache = new Map<string, string | undefined>();
    return (doors) => ({
      ...doors,
      async get(key) {
        if (!cache.has(key)) cache.set(key, await doors.get(key));
        return cache.get(key);
      },
    });
  },
  'a READ of what was there a read ago': () => {
    const last = new Map<Ino, string>();
    return (doors) => ({
      ...doors,
      async readFile(ino) {
        const [before, now] = [last.get(ino), await doors.readFile(ino)];
        last.set(ino, now);
        return before ?? now;
      },
    });
  },
  'a PUT that is acknowledged before it is carried out': () => (doors) => ({
    ...doors,
    async put(key, content, condition) {
      if (condition !== 'none') return doors.put(key, content, condition);
      doors.put(key, content, condition).catch(() => undefined);
    },
  }),
  'a condition that is checked before the change': () => (doors) => ({
    ...doors,
    async put(key, content, condition) {
      if (condition === 'absent' && (await doors.head(key)) === undefined)
        return doors.put(key, content, 'none');
      return doors.put(key, content, condition);
    },
  }),
  'a WRITE that is lost': () => {
    let count = 0;
    return (doors) => ({
      ...doors,
      async write(ino, at, data) {
        if (++count % 2 === 0) await doors.write(ino, at, data);
        else await doors.readFile(ino);
      },
    });
  },
  'a rename in two steps': () => (doors) => ({
    ...doors,
    async renameKey(from, to) {
      const content = await doors.get(from);
      if (content === undefined || from === to) return doors.renameKey(from, to);
      await doors.put(to, content, 'none');
      await doors.deleteKey(from, 'none');
    },
  }),
  'a DELETE that forgets every third': () => {
    let count = 0;
    return (doors) => ({
      ...doors,
      async deleteKey(key, condition) {
        if (++count % 3 !== 0) await doors.deleteKey(key, condition);
      },
    });
  },
  'a list of names that was made earlier': () => {
    let earlier: readonly string[] | undefined;
    return (doors) => ({
      ...doors,
      async list(prefix) {
        if (prefix !== '') return doors.list(prefix);
        const [shown, now] = [earlier, await doors.list(prefix)];
        earlier = now;
        return shown ?? now;
      },
    });
  },
};

/** The same of promises that only a power loss breaks. */
export const forgetfulDoors: typeof brokenDoors = {
  'a COMMIT that makes nothing durable': () => (doors) => ({
    ...doors,
    async commit(ino) {
      await doors.readFile(ino);
    },
  }),
  'a stable WRITE that is not': () => (doors) => ({
    ...doors,
    write: (ino, at, data) => doors.write(ino, { ...at, stable: false }, data),
  }),
};
