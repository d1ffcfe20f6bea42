import assert from 'node:assert/strict';
import { attach, changeFacet } from './attach.ts';
import { Trail, type TrailParts } from '../audit/trail.ts';
import { audited, nfsActor, type Attempt } from './audit.ts';
import { attributes, ifStale } from './attributes.ts';
import { blobsOf } from './blobs-of.ts';
import {
  bucketConfiguration,
  changeBucketConfiguration,
  setBucketOwnership,
} from './bucket-configuration.ts';
import { changeBucketRules } from './bucket-rules.ts';
import { bucket, buckets, createBucket, deleteBucket, ensureRoot, ROOT } from './buckets.ts';
import { abandonDrafts, step } from './collect.ts';
import { Census } from './census/census.ts';
import { ensureShares } from './census/ensure-shares.ts';
import { create, link, makeDirectory, makeSpecial } from './create.ts';
import { FileDraft } from './draft.ts';
import { Absent } from './foreign/absent.ts';
import { Attachments } from './foreign/attachments.ts';
import { Bindings } from './foreign/bindings.ts';
import type { DetachParts } from './foreign/detach.ts';
import { Folders } from './foreign/folders.ts';
import { filesListedFirst, objectsListedFirst } from './foreign/listed-first.ts';
import { access, entries, lookup, names, readlink } from './lookup.ts';
import { deleteMarker, head, open } from './head.ts';
import type { ByActor, Caller, Draft, Ino, Namespace, ObjectAt, ObjectStore } from './namespace.ts';
import type { FileTree, Place } from './file-tree.ts';
import type { ForeignBlobs } from '../tiering/foreign/foreign-copies.ts';
import { partsOf, type Parts, type PartsGiven } from './parts.ts';
import { counting } from './quota/counting.ts';
import { openQuotas } from './quota/open-quotas.ts';
import { requireQuota } from './quota/require-quota.ts';
import { statistics } from './quota/statistics.ts';
import { read } from './read.ts';
import { removeKey } from './remove-key.ts';
import { remove, removeDirectory } from './remove.ts';
import { rename } from './rename.ts';
import { renameKey } from './rename-key.ts';
import { Rewrap } from './rewrap.ts';
import { setAttributes } from './set-attributes.ts';
import { setLock } from './set-lock.ts';
import { setStorageClass } from './set-storage-class.ts';
import { setAcl, setTags } from './set-tags.ts';
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  listUploads,
  putPart,
  upload,
} from './uploads.ts';
import { listVersions } from './list-versions.ts';
import { list, walk } from './walk.ts';
import { commit, write } from './write.ts';
import { extendedAttributes, setExtendedAttribute } from './xattrs.ts';
import { writeOut } from './write-out.ts';

/** What it stands on. */
export interface NamespaceGiven extends Omit<PartsGiven, 'trail' | 'quotas'> {
  readonly foreign: ForeignBlobs;
  readonly wayOut: DetachParts['wayOut'];
  readonly groupOf: TrailParts['groupOf'];
  /** Fault('no-space', 'store') when nothing new is to be taken. */
  readonly requireRoom?: () => void;
}

/** Opens the tree over a store; makes the root of a new one. The caller closes store and blobs after the namespace. */
export async function openNamespace(opened: NamespaceGiven): Promise<Namespace> {
  const quotas = await openQuotas(opened.kv, opened.environment, opened.requireRoom);
  if (await ensureShares(opened.kv))
    opened.environment.log.info('census.begun', { why: 'the store is older than its counts by tier' });
  const given = { ...opened, kv: counting(opened.kv, quotas.ledger), quotas };
  await ensureRoot(given);
  const parts = partsOf({ ...given, trail: await Trail.open(opened) });
  await abandonDrafts(parts);
  const rewrap = new Rewrap(parts);
  const { foreign, wayOut } = opened;
  const absent = new Absent(opened.environment.clock);
  const attaching = { ...parts, foreign, wayOut, absent, bindings: await Bindings.open(parts.kv) };
  const folders = new Folders(attaching);
  const attachments = new Attachments(attaching);
  return {
    files: filesListedFirst(fileTree(parts), folders),
    objects: objectsListedFirst(objectStore(parts, folders), folders),
    attachments,
    quotas,
    audit: parts.trail,
    census: new Census(parts),
    memory: () => ({ dirty: parts.files.memory(), cache: parts.cache.statistics() }),
    step: async () => ((await step(parts)) ? 'busy' : 'idle'),
    rewrap: async () => ((await rewrap.step()) ? 'busy' : 'idle'),
    async close() {
      for (const file of [...parts.files.all()]) await writeOut(parts, file.ino).catch(ifStale);
      await parts.readAhead.settled();
      await attachments.settled();
      await quotas.step();
      await parts.trail.close();
      await parts.kv.sync();
    },
  };
}

const byHandle = (operation: string, caller: Caller, ino: Ino): Attempt => ({
  actor: nfsActor(operation, caller),
  at: { ino },
});

const byName = (operation: string, caller: Caller, { directory, name }: Place): Attempt => ({
  actor: nfsActor(operation, caller),
  at: { ino: directory, name },
});

const byKey = (at: ObjectAt & ByActor): Attempt => ({ actor: at.by, at });

function fileTree(parts: Parts): FileTree {
  return {
    root: () => ROOT,
    attributes: (ino) => attributes(parts, ino),
    access: (caller, ino, wanted) => access(parts, caller, ino, wanted),
    lookup: (caller, place) => lookup(parts, caller, place),
    setAttributes: (caller, ino, request) =>
      audited(parts, byHandle('SETATTR', caller, ino), setAttributes(parts, caller, ino, request)),
    readlink: (_caller, ino) => readlink(parts, ino),
    read: (caller, ino, range) => read(parts, caller, ino, range),
    write: (caller, ino, request) =>
      audited(parts, byHandle('WRITE', caller, ino), write(parts, caller, ino, request)),
    commit: (_caller, ino) => commit(parts, ino),
    create: (caller, place, request) =>
      audited(parts, byName('CREATE', caller, place), create(parts, caller, place, request)),
    makeDirectory: (caller, place, wish) => makeDirectory(parts, caller, place, wish),
    makeSpecial: (caller, place, request) => makeSpecial(parts, caller, place, request),
    remove: (caller, place) => audited(parts, byName('REMOVE', caller, place), remove(parts, caller, place)),
    removeDirectory: (caller, place) =>
      audited(parts, byName('RMDIR', caller, place), removeDirectory(parts, caller, place)),
    rename: (caller, places) =>
      audited(parts, byName('RENAME', caller, places.from), rename(parts, caller, places)),
    link: (caller, ino, place) =>
      audited(parts, byHandle('LINK', caller, ino), link(parts, caller, ino, place)),
    entries: (caller, directory, page) => entries(parts, caller, directory, page),
    names: (caller, directory, page) => names(parts, caller, directory, page),
    extendedAttributes: (caller, ino) => extendedAttributes(parts, caller, ino),
    setExtendedAttribute: (caller, ino, attribute) => setExtendedAttribute(parts, caller, ino, attribute),
    statistics: (ino) => statistics(parts, ino),
  };
}

/** The doors know a draft and an open object by their interfaces only; both are always ours. */
function ourDraft(draft: Draft): FileDraft {
  assert(draft instanceof FileDraft);
  return draft;
}

function objectStore(parts: Parts, folders: Folders): ObjectStore {
  return {
    createBucket: (caller, name, birth) => createBucket(parts, caller, { name, ...birth }),
    bucket: (name) => bucket(parts, name),
    buckets: () => buckets(parts),
    deleteBucket: (name) => deleteBucket(parts, name),
    bucketConfiguration: (ino, name) => bucketConfiguration(parts, ino, name),
    putBucketConfiguration: async (which, name, document) => {
      await changeBucketConfiguration(parts, which, { name, document });
    },
    replaceBucketConfiguration: (which, name, { from, to }) =>
      changeBucketConfiguration(parts, which, { name, document: to, from: { document: from } }),
    deleteBucketConfiguration: async (which, name) => {
      await changeBucketConfiguration(parts, which, { name, document: undefined });
    },
    setBucketOwnership: (which, objectOwnership) => setBucketOwnership(parts, which, objectOwnership),
    changeBucketRules: (which, change) => changeBucketRules(parts, which, change),
    head: (at) => head(parts, at),
    open: (at, customerKey) => open(parts, at, customerKey),
    deleteMarker: (at) => deleteMarker(parts, at),
    draft: async (_caller, key) => new FileDraft(parts, key),
    requireQuota: (caller, at, length) => requireQuota(parts, caller, at, length),
    attach: (caller, draft, to) => attach(parts, caller, ourDraft(draft), to),
    changeFacet: (at, change) => changeFacet(parts, at, change),
    setAcl: (at, acl) => setAcl(parts, at, acl),
    setTags: (at, tags) => setTags(parts, at, tags),
    setStorageClass: (at, storageClass) => setStorageClass(parts, at, storageClass),
    setLock: (at, change) => audited(parts, byKey(at), setLock(parts, at, change)),
    removeKey: (at) => audited(parts, byKey(at), removeKey(parts, at)),
    renameKey: (caller, ino, keys) => renameKey(parts, caller, { bucket: ino, ...keys }),
    walk: (ino, options) => walk(parts, ino, options),
    list: (ino, options) => list(parts, ino, { ...options, ...(folders.isAttached(ino) && { folders }) }),
    blobsOf: (ino) => blobsOf(parts, ino),
    versions: (ino, options) => listVersions(parts, ino, options),
    createUpload: (caller, to) => createUpload(parts, caller, to),
    upload: (at) => upload(parts, at),
    putPart: (at, draft, part) => putPart(parts, at, ourDraft(draft), part),
    parts: (at, page) => listParts(parts, at, page),
    uploads: (ino, options) => listUploads(parts, ino, options),
    completeUpload: (caller, completion) => completeUpload(parts, caller, completion),
    abortUpload: (at) => abortUpload(parts, at),
  };
}
