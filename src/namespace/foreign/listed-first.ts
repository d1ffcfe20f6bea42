import type { FileTree } from '../file-tree.ts';
import type { Ino, ObjectAt, ObjectStore } from '../namespace.ts';
import type { VersionAt } from '../version.ts';
import type { Folders } from './folders.ts';
import { openPage } from './open-page.ts';

type Writing = Pick<FileTree, 'setAttributes' | 'write' | 'setExtendedAttribute'>;

/** What changes a file wherever its names are. */
const writing = (files: FileTree, folders: Folders): Writing => ({
  setAttributes: async (caller, ino, request) => {
    await folders.requireWritableAt(ino);
    return files.setAttributes(caller, ino, request);
  },
  write: async (caller, ino, request) => {
    await folders.requireWritableAt(ino);
    return files.write(caller, ino, request);
  },
  setExtendedAttribute: async (caller, ino, attribute) => {
    await folders.requireWritableAt(ino);
    return files.setExtendedAttribute(caller, ino, attribute);
  },
});

/** The same tree; what a call looks at in attached buckets has come before it begins. */
export function filesListedFirst(files: FileTree, folders: Folders): FileTree {
  /** A name that is about to be made or to go. */
  const changing = async (directory: Ino, name: Uint8Array): Promise<void> => {
    await folders.requireWritableAt(directory);
    await folders.bringName(directory, name);
  };
  return {
    ...files,
    ...writing(files, folders),
    lookup: async (caller, place) => {
      await folders.bringName(place.directory, place.name);
      return files.lookup(caller, place);
    },
    create: async (caller, place, request) => {
      await changing(place.directory, place.name);
      return files.create(caller, place, request);
    },
    makeDirectory: async (caller, place, wish) => {
      await changing(place.directory, place.name);
      return files.makeDirectory(caller, place, wish);
    },
    makeSpecial: async (caller, place, request) => {
      await changing(place.directory, place.name);
      return files.makeSpecial(caller, place, request);
    },
    remove: async (caller, place) => {
      await changing(place.directory, place.name);
      return files.remove(caller, place);
    },
    removeDirectory: async (caller, place) => {
      await folders.requireWritableAt(place.directory);
      await folders.bringFilled(place.directory, place.name);
      return files.removeDirectory(caller, place);
    },
    rename: async (caller, places) => {
      await changing(places.from.directory, places.from.name);
      await folders.requireWritableAt(places.to.directory);
      await folders.bringFilled(places.to.directory, places.to.name);
      return files.rename(caller, places);
    },
    link: async (caller, ino, place) => {
      await changing(place.directory, place.name);
      return files.link(caller, ino, place);
    },
    entries: (caller, directory, page) =>
      openPage(folders, directory, () => files.entries(caller, directory, page)),
    names: (caller, directory, page) =>
      openPage(folders, directory, () => files.names(caller, directory, page)),
  };
}

/** What objects of attached buckets need before a call. */
interface Before {
  /** One that is about to be made, to change or to go. */
  readonly changing: (at: ObjectAt) => Promise<void>;
  /** One that is looked at: what it is beside its content is known, too. */
  readonly described: (at: VersionAt) => Promise<void>;
}

const before = (objects: ObjectStore, folders: Folders): Before => ({
  changing: async (at) => {
    folders.requireWritable(at.bucket);
    await folders.bringWay(at);
  },
  described: async (at) => {
    if (!folders.isAttached(at.bucket)) return;
    await folders.bringKey(at);
    const found = await objects.head(at);
    if (found !== undefined) await folders.describe(found.attributes.ino);
  },
});

type Facets = Pick<ObjectStore, 'changeFacet' | 'setTags' | 'setAcl' | 'setStorageClass' | 'setLock'>;

/** What changes an object and leaves its content. */
function facetsListedFirst(objects: ObjectStore, { changing, described }: Before): Facets {
  const changed = async (at: ObjectAt): Promise<void> => {
    await changing(at);
    await described(at);
  };
  return {
    changeFacet: async (at, change) => {
      await changed(at);
      return objects.changeFacet(at, change);
    },
    setTags: async (at, tags) => {
      await changed(at);
      return objects.setTags(at, tags);
    },
    setAcl: async (at, acl) => {
      await changed(at);
      return objects.setAcl(at, acl);
    },
    setStorageClass: async (at, storageClass) => {
      await changed(at);
      return objects.setStorageClass(at, storageClass);
    },
    setLock: async (at, change) => {
      await changed(at);
      return objects.setLock(at, change);
    },
  };
}

/** The same objects, in the same way. `list` lists the directories that it enters by itself, as far as its page goes. */
export function objectsListedFirst(objects: ObjectStore, folders: Folders): ObjectStore {
  const first = before(objects, folders);
  const { changing, described } = first;
  const isHere = ({ bucket }: ObjectAt): boolean => !folders.isAttached(bucket);
  return {
    ...objects,
    ...facetsListedFirst(objects, first),
    head: (at) => (isHere(at) ? objects.head(at) : described(at).then(() => objects.head(at))),
    open: (at, customerKey) =>
      isHere(at) ? objects.open(at, customerKey) : described(at).then(() => objects.open(at, customerKey)),
    attach: (caller, draft, to) =>
      isHere(to)
        ? objects.attach(caller, draft, to)
        : changing(to).then(() => objects.attach(caller, draft, to)),
    removeKey: (at) => (isHere(at) ? objects.removeKey(at) : changing(at).then(() => objects.removeKey(at))),
    renameKey: async (caller, bucket, keys) => {
      await changing({ bucket, key: keys.from.key });
      await described({ bucket, key: keys.from.key });
      await changing({ bucket, key: keys.to.key });
      return objects.renameKey(caller, bucket, keys);
    },
    versions: async (bucket, options) => {
      const { prefix, delimiter, entriesMax, after } = options;
      // As many keys as the page may show, which is taken in one moment and waits for nobody.
      const ahead = { prefix, delimiter, entriesMax, after: after.key };
      if (folders.isAttached(bucket)) await objects.list(bucket, ahead);
      return objects.versions(bucket, options);
    },
    createUpload: async (caller, to) => {
      folders.requireWritable(to.bucket);
      return objects.createUpload(caller, to);
    },
    completeUpload: async (caller, completion) => {
      await changing(completion);
      return objects.completeUpload(caller, completion);
    },
  };
}
