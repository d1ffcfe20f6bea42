import type { Bucket, Expectation } from '../../src/namespace/namespace.ts';
import { bytes, get, plainFacet, root, s3, text, type Stack } from '../namespace/world.ts';
import { ENTRIES_MAX, FILE_BYTES_MAX, type Condition, type Doors, type Place } from './doors.ts';

/** The ETag of a content; NFS makes opaque ones that are none of these. */
const etagOf = (content: string): string => `of ${content}`;
const headOf = (etag: string): string => (etag.startsWith('of ') ? etag.slice(3) : 'opaque');

const expectationOf = (condition: Condition): Expectation => {
  if (condition === 'none') return {};
  return condition === 'absent' ? { ifNoneMatch: ['*'] } : { ifMatch: [etagOf(condition.content)] };
};

const placeOf = ({ directory, name }: Place): { directory: Place['directory']; name: Uint8Array } => ({
  directory,
  name: bytes(name),
});

/** The namespace itself, as both doors call it: for simulations. */
export function namespaceDoors(stack: Stack, bucket: Bucket): Doors {
  return { ...objectCalls(stack, bucket), ...nameCalls(stack), ...contentCalls(stack) };
}

function objectCalls(
  stack: Stack,
  { ino: bucket }: Bucket,
): Pick<Doors, 'put' | 'get' | 'head' | 'deleteKey' | 'renameKey' | 'list'> {
  const { objects } = stack.namespace;
  const at = (key: string): { bucket: Bucket['ino']; key: Uint8Array } => ({ bucket, key: bytes(key) });
  const named = (key: string): { key: Uint8Array; expect: Expectation } => ({ key: bytes(key), expect: {} });
  return {
    async put(key, content, condition) {
      const draft = await objects.draft(s3);
      try {
        await draft.write([bytes(content)]);
        const facet = plainFacet(etagOf(content));
        await objects.attach(s3, draft, { ...at(key), facet, expect: expectationOf(condition) });
      } finally {
        await draft.discard();
      }
    },
    get: async (key) => (await get(stack, { ino: bucket } as Bucket, key))?.toString(),
    async head(key) {
      const found = await objects.head(at(key));
      return found && { size: found.attributes.size, etag: headOf(found.facet.etag) };
    },
    async deleteKey(key, condition) {
      await objects.removeKey({ ...at(key), expect: expectationOf(condition) });
    },
    async renameKey(from, to) {
      await objects.renameKey(s3, bucket, { from: named(from), to: named(to) });
    },
    async list(prefix) {
      const all = { prefix: bytes(prefix), after: bytes(''), delimiter: undefined, entriesMax: ENTRIES_MAX };
      const { entries } = await objects.list(bucket, all);
      return entries.map((entry) => text(entry.kind === 'object' ? entry.key : entry.prefix));
    },
  };
}

function nameCalls({
  namespace,
}: Stack): Pick<
  Doors,
  'lookup' | 'create' | 'makeDirectory' | 'remove' | 'removeDirectory' | 'rename' | 'readDirectory'
> {
  const { files } = namespace;
  return {
    async lookup(directory, name) {
      return (await files.lookup(root, placeOf({ directory, name }))).attributes.ino;
    },
    async create(directory, name, { how, size }) {
      const request = { mode: { how }, wish: { mode: 0o644, size } };
      return (await files.create(root, placeOf({ directory, name }), request)).attributes.ino;
    },
    async makeDirectory(directory, name) {
      return (await files.makeDirectory(root, placeOf({ directory, name }), {})).attributes.ino;
    },
    async remove(directory, name) {
      await files.remove(root, placeOf({ directory, name }));
    },
    async removeDirectory(directory, name) {
      await files.removeDirectory(root, placeOf({ directory, name }));
    },
    async rename(from, to) {
      await files.rename(root, { from: placeOf(from), to: placeOf(to) });
    },
    async readDirectory(directory) {
      const { entries } = await files.entries(root, directory, { after: 0, entriesMax: ENTRIES_MAX });
      return entries.map(({ name }) => text(name));
    },
  };
}

function contentCalls({ namespace }: Stack): Pick<Doors, 'readFile' | 'write' | 'commit' | 'truncate'> {
  const { files } = namespace;
  return {
    async readFile(ino) {
      return text((await files.read(root, ino, { offset: 0, length: FILE_BYTES_MAX })).parts);
    },
    async write(ino, { offset, stable }, data) {
      await files.write(root, ino, { offset, data: bytes(data), stable });
    },
    async commit(ino) {
      await files.commit(root, ino);
    },
    async truncate(ino, size) {
      await files.setAttributes(root, ino, { wish: { size } });
    },
  };
}
