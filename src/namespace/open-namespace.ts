import assert from 'node:assert/strict';
import { attach, changeFacet, head, ifStale, removeKey, resolve } from './attach.ts';
import { attributes } from './attributes.ts';
import { bucket, buckets, createBucket, deleteBucket, ensureRoot, ROOT } from './buckets.ts';
import { abandonDrafts, step } from './collect.ts';
import { create, link, makeDirectory, makeSpecial } from './create.ts';
import { FileDraft } from './draft.ts';
import { access, entries, lookup, readlink } from './lookup.ts';
import type { Draft, FileTree, Ino, Namespace, ObjectKey, ObjectStore, OpenObject } from './namespace.ts';
import { OpenFiles } from './open-files.ts';
import type { Parts } from './parts.ts';
import { read } from './read.ts';
import { remove, removeDirectory } from './remove.ts';
import { rename } from './rename.ts';
import { setAttributes } from './set-attributes.ts';
import { openSnapshot } from './snapshot.ts';
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  listUploads,
  putPart,
  upload,
} from './uploads.ts';
import { walk } from './walk.ts';
import { commit, write } from './write.ts';
import { extendedAttributes, setExtendedAttribute } from './xattrs.ts';
import { writeOut } from './write-out.ts';

/** Opens the tree over a store; makes the root of a new one. The caller closes store and blobs after the namespace. */
export async function openNamespace(given: Omit<Parts, 'files' | 'contentPins'>): Promise<Namespace> {
  const parts: Parts = { ...given, files: new OpenFiles(), contentPins: new Map() };
  await ensureRoot(parts);
  await abandonDrafts(parts);
  return {
    files: fileTree(parts),
    objects: objectStore(parts),
    step: async () => ((await step(parts)) ? 'busy' : 'idle'),
    async close() {
      for (const file of [...parts.files.all()]) await writeOut(parts, file.ino);
      await parts.kv.sync();
    },
  };
}

const INODES_MAX = 2 ** 48;

function fileTree(parts: Parts): FileTree {
  return {
    root: () => ROOT,
    attributes: (ino) => attributes(parts, ino),
    access: (caller, ino, wanted) => access(parts, caller, ino, wanted),
    lookup: (caller, directory, name) => lookup(parts, caller, directory, name),
    setAttributes: (caller, ino, wish, guard) => setAttributes(parts, caller, ino, { wish, guard }),
    readlink: (_caller, ino) => readlink(parts, ino),
    read: (caller, ino, offset, length) => read(parts, caller, ino, { offset, length }),
    write: (caller, ino, offset, data, stable) => write(parts, caller, ino, { offset, data, stable }),
    commit: (_caller, ino) => commit(parts, ino),
    create: (caller, directory, name, mode, wish) =>
      create(parts, caller, { directory, name }, { mode, wish }),
    makeDirectory: (caller, directory, name, wish) => makeDirectory(parts, caller, { directory, name }, wish),
    makeSpecial: (caller, directory, name, special, wish) =>
      makeSpecial(parts, caller, { directory, name }, { special, wish }),
    remove: (caller, directory, name) => remove(parts, caller, { directory, name }),
    removeDirectory: (caller, directory, name) => removeDirectory(parts, caller, { directory, name }),
    rename: (caller, from, to) => rename(parts, caller, { from, to }),
    link: (caller, ino, directory, name) => link(parts, caller, ino, { directory, name }),
    entries: (caller, directory, after, entriesMax) =>
      entries(parts, caller, directory, { after, entriesMax }),
    extendedAttributes: (caller, ino) => extendedAttributes(parts, caller, ino),
    setExtendedAttribute: (caller, ino, attribute) => setExtendedAttribute(parts, caller, ino, attribute),
    async statistics() {
      const { bytesTotal, bytesFree } = parts.blobs.usage();
      return { bytesTotal, bytesFree, inodesTotal: INODES_MAX, inodesFree: INODES_MAX };
    },
  };
}

/** The doors know a draft and an open object by their interfaces only; both are always ours. */
function ourDraft(draft: Draft): FileDraft {
  assert(draft instanceof FileDraft);
  return draft;
}

function objectStore(parts: Parts): ObjectStore {
  return {
    createBucket: (caller, name) => createBucket(parts, caller, name),
    bucket: (name) => bucket(parts, name),
    buckets: () => buckets(parts),
    deleteBucket: (name) => deleteBucket(parts, name),
    head: (ino, key) => head(parts, ino, key),
    open: (ino, key) => openObject(parts, ino, key),
    draft: async () => new FileDraft(parts),
    attach: (caller, draft, ino, key, facet, expect) =>
      attach(parts, caller, ourDraft(draft), { bucket: ino, key, facet, expect }),
    changeFacet: (ino, key, change, expect) => changeFacet(parts, { bucket: ino, key, expect }, change),
    removeKey: (ino, key, expect) => removeKey(parts, ino, key, expect),
    walk: (ino, options) => walk(parts, ino, options),
    createUpload: (_caller, ino, key, facet, checksum) =>
      createUpload(parts, { bucket: ino, key, facet, checksum }),
    upload: (ino, key, uploadId) => upload(parts, { bucket: ino, key, uploadId }),
    putPart: (ino, key, uploadId, number, draft, { etag, checksums }) =>
      putPart(parts, { bucket: ino, key, uploadId }, { number, draft: ourDraft(draft), etag, checksums }),
    parts: (ino, key, uploadId, afterNumber, partsMax) =>
      listParts(parts, { bucket: ino, key, uploadId }, { afterNumber, partsMax }),
    uploads: (ino, options) => listUploads(parts, ino, options),
    completeUpload: (caller, ino, key, uploadId, listed, facet, expect) =>
      completeUpload(parts, caller, { bucket: ino, key, uploadId, parts: listed, facet, expect }),
    abortUpload: (ino, key, uploadId) => abortUpload(parts, { bucket: ino, key, uploadId }),
  };
}

async function openObject(parts: Parts, ino: Ino, key: ObjectKey): Promise<OpenObject | undefined> {
  for (;;) {
    const resolved = await resolve(parts.kv, ino, key);
    if (resolved === undefined) return undefined;
    const snapshot = await openSnapshot(parts, resolved.dentry.ino).catch(ifStale);
    // Replaced between the two reads: the name leads elsewhere now.
    if (snapshot !== undefined) return snapshot;
  }
}
