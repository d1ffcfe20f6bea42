import { Fault } from '../fault.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { noSuchBucket } from './attributes.ts';
import { editOf } from './create.ts';
import { pairOf } from './find.ts';
import {
  bindingKey,
  bucketKey,
  bucketRange,
  configurationKey,
  inodeKey,
  nameOfBucketKey,
  uploadRange,
  versionRange,
} from './keys.ts';
import { transactRules } from './bucket-rules.ts';
import type { Bucket, Caller, Ino } from './namespace.ts';
import type { NewBucket } from './new-bucket.ts';
import { DIRECTORY_MODE, newInode } from './new-inode.ts';
import type { Parts } from './parts.ts';
import { decodeBucket, encodeBucket, NO_RULES } from './records.ts';
import { TreeEdit } from './tree-edit.ts';
import { abortAll } from './uploads.ts';

export const ROOT = 1 as Ino;
const NO_BUCKET = 0 as Ino;

/** Makes the root of a new store. A new sequence gives the root's number first; it is used up here, so that nothing else gets it. */
export async function ensureRoot(parts: Pick<Parts, 'environment' | 'kv' | 'sequence'>): Promise<void> {
  await parts.kv.transact('durable', async (tx) => {
    if ((await tx.get(inodeKey(ROOT))) !== undefined) return;
    const now = parts.environment.clock.wall();
    const edit = new TreeEdit(tx, { now, nextId: () => parts.sequence.next() });
    const birth = {
      ino: ROOT,
      bucket: NO_BUCKET,
      kind: 'directory',
      mode: DIRECTORY_MODE,
      uid: 0,
      gid: 0,
    } as const;
    edit.makeDirectory(newInode({ ...birth, now, contentGeneration: parts.sequence.next() }));
    edit.finish();
  });
}

/** See ObjectStore.createBucket. A bucket is a directory of the root and its own bucket. */
export async function createBucket(
  parts: Parts,
  caller: Caller,
  { name, owner, objectOwnership, documents, rules = NO_RULES, by }: Pick<Bucket, 'name'> & NewBucket,
): Promise<Bucket> {
  return transactRules(parts, { name, by, rules }, async (tx, note) => {
    note(NO_RULES, rules);
    const known = await tx.get(bucketKey(name));
    if (known !== undefined) throw new Fault('exists', 'bucket', name);
    const edit = editOf(parts, tx);
    const ino = parts.sequence.next() as Ino;
    const contentGeneration = parts.sequence.next();
    const birth = { ino, bucket: ino, kind: 'directory', mode: DIRECTORY_MODE, contentGeneration } as const;
    const inode = newInode({ ...birth, uid: caller.uid, gid: caller.gid, now: edit.now });
    edit.makeDirectory({ ...inode, rules, names: [{ parent: ROOT, name: Buffer.from(name) }] });
    const beside = await pairOf(tx, ROOT, Buffer.from(name));
    edit.add(ROOT, Buffer.from(name), { ino, kind: 'directory', beside });
    for (const [title, document] of documents ?? []) tx.put(configurationKey(ino, title), document);
    const configurations = [...(documents?.keys() ?? [])];
    const row = { ino, createdAt: edit.now, configurations, owner, objectOwnership, rules };
    tx.put(bucketKey(name), encodeBucket(row));
    edit.finish();
    return { name, ...row };
  });
}

export async function bucket({ kv }: Pick<Parts, 'kv'>, name: string): Promise<Bucket | undefined> {
  return bucketOf(kv, name);
}

/** Buckets by the very bytes of their rows: every request asks for one, and the store hands out the same bytes again. */
const decoded = new WeakMap<Uint8Array, Bucket>();

export async function bucketOf(reader: KvReader, name: string): Promise<Bucket | undefined> {
  const bytes = await reader.get(bucketKey(name));
  if (bytes === undefined) return undefined;
  const known = decoded.get(bytes);
  if (known !== undefined) return known;
  const found = { name, ...decodeBucket(bytes) };
  decoded.set(bytes, found);
  return found;
}

export async function buckets({ kv }: Pick<Parts, 'kv'>): Promise<readonly Bucket[]> {
  const found: Bucket[] = [];
  for await (const page of kv.scan(bucketRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    found.push(...page.map(({ key, value }) => ({ name: nameOfBucketKey(key), ...decodeBucket(value) })));
  }
  return found;
}

/** See ObjectStore.deleteBucket. */
export async function deleteBucket(parts: Parts, name: string): Promise<void> {
  const known = await bucket(parts, name);
  if (known === undefined) throw noSuchBucket(name);
  for (;;) {
    const isDone = await parts.kv.transact('durable', (tx) => deleteEmpty(parts, tx, name));
    if (isDone) return;
    await abortAll(parts, known.ino);
  }
}

async function hasVersions(tx: KvTransaction, bucket: Ino): Promise<boolean> {
  const all = versionRange(bucket, NOTHING, { key: NOTHING, order: undefined });
  for await (const _page of tx.scan(all, { pageEntries: 1 })) return true;
  return false;
}

const NOTHING = new Uint8Array(0);

/** False while there are open uploads. */
async function deleteEmpty(parts: Parts, tx: KvTransaction, name: string): Promise<boolean> {
  const known = await bucketOf(tx, name);
  if (known === undefined) throw noSuchBucket(name);
  const edit = editOf(parts, tx);
  const { row } = await edit.load(known.ino);
  // What it would show is not known: it must be detached first.
  const isAttached = (await tx.get(bindingKey(known.ino))) !== undefined;
  if (isAttached || row.entries > 0 || (await hasVersions(tx, known.ino)))
    throw new Fault('not-empty', 'bucket', name);
  for await (const _page of tx.scan(uploadRange(known.ino, new Uint8Array(0)), { pageEntries: 1 }))
    return false;
  const { directory } = await pairOf(tx, ROOT, Buffer.from(name));
  if (directory === undefined) throw noSuchBucket(name);
  tx.delete(bucketKey(name));
  for (const each of known.configurations) tx.delete(configurationKey(known.ino, each));
  await parts.quotas.dropBucket(tx, known.ino);
  edit.unmake(known.ino);
  await edit.remove(ROOT, Buffer.from(name), directory);
  edit.finish();
  return true;
}
