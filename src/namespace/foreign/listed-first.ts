import type { FileTree } from '../file-tree.ts';
import type { ObjectStore } from '../namespace.ts';
import type { Folders } from './folders.ts';

/** The same tree; what a call looks at in attached buckets is listed before it begins. */
export const filesListedFirst = (files: FileTree, folders: Folders): FileTree => ({
  ...files,
  lookup: async (caller, place) => {
    await folders.list(place.directory);
    return files.lookup(caller, place);
  },
  create: async (caller, place, request) => {
    await folders.list(place.directory);
    return files.create(caller, place, request);
  },
  makeDirectory: async (caller, place, wish) => {
    await folders.list(place.directory);
    return files.makeDirectory(caller, place, wish);
  },
  makeSpecial: async (caller, place, request) => {
    await folders.list(place.directory);
    return files.makeSpecial(caller, place, request);
  },
  remove: async (caller, place) => {
    await folders.list(place.directory);
    return files.remove(caller, place);
  },
  removeDirectory: async (caller, place) => {
    await folders.listBelow(place.directory, place.name);
    return files.removeDirectory(caller, place);
  },
  rename: async (caller, places) => {
    await folders.list(places.from.directory);
    await folders.listBelow(places.to.directory, places.to.name);
    return files.rename(caller, places);
  },
  link: async (caller, ino, place) => {
    await folders.list(place.directory);
    return files.link(caller, ino, place);
  },
  entries: async (caller, directory, page) => {
    await folders.list(directory);
    return files.entries(caller, directory, page);
  },
  names: async (caller, directory, page) => {
    await folders.list(directory);
    return files.names(caller, directory, page);
  },
});

/** The same objects, in the same way. `walk` lists the directories that it enters by itself, and only those. */
export const objectsListedFirst = (objects: ObjectStore, folders: Folders): ObjectStore => ({
  ...objects,
  deleteBucket: async (name) => {
    const bucket = await objects.bucket(name);
    if (bucket !== undefined) await folders.list(bucket.ino);
    return objects.deleteBucket(name);
  },
  head: async (at) => {
    await folders.listTo(at);
    return objects.head(at);
  },
  open: async (at, customerKey) => {
    await folders.listTo(at);
    return objects.open(at, customerKey);
  },
  attach: async (caller, draft, to) => {
    await folders.listTo(to);
    return objects.attach(caller, draft, to);
  },
  changeFacet: async (at, change) => {
    await folders.listTo(at);
    return objects.changeFacet(at, change);
  },
  setTags: async (at, tags) => {
    await folders.listTo(at);
    return objects.setTags(at, tags);
  },
  setAcl: async (at, acl) => {
    await folders.listTo(at);
    return objects.setAcl(at, acl);
  },
  setStorageClass: async (at, storageClass) => {
    await folders.listTo(at);
    return objects.setStorageClass(at, storageClass);
  },
  setLock: async (at, change) => {
    await folders.listTo(at);
    return objects.setLock(at, change);
  },
  removeKey: async (at) => {
    await folders.listTo(at);
    return objects.removeKey(at);
  },
  renameKey: async (caller, bucket, keys) => {
    await folders.listTo({ bucket, key: keys.from.key });
    await folders.listTo({ bucket, key: keys.to.key });
    return objects.renameKey(caller, bucket, keys);
  },
  versions: async (bucket, options) => {
    await folders.listAll(bucket);
    return objects.versions(bucket, options);
  },
  completeUpload: async (caller, completion) => {
    await folders.listTo(completion);
    return objects.completeUpload(caller, completion);
  },
});
