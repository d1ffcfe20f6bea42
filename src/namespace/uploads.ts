import { Fault } from '../fault.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import { attempting } from './attempts.ts';
import type { Encryption } from '../keyring/encryption.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { putBelonging } from './belonging.ts';
import { attach, type Attachment } from './attach.ts';
import { foundOf, ifStale, loadInode, requireBucket } from './attributes.ts';
import { settled } from './content-key.ts';
import { FileDraft } from './draft.ts';
import {
  finishedKey,
  keyOfUploadKey,
  numberOfPartKey,
  partKey,
  partRange,
  uploadKey,
  uploadRange,
} from './keys.ts';
import type { Caller, Found, Ino, ObjectKey } from './namespace.ts';
import type { PartSummary, UploadSummary, Completion, UploadAt } from './upload.ts';
import { newInode } from './new-inode.ts';
import type { Parts } from './parts.ts';
import { NO_CONTENT } from './extents.ts';
import { putInode } from './put-inode.ts';
import {
  decodePart,
  decodeUpload,
  encodeFinished,
  encodePart,
  encodeUpload,
  type PartRow,
  type UploadRow,
} from './upload-records.ts';
import { countingOf } from './quota/counting.ts';
import { openSnapshot } from './snapshot.ts';
import { dropInode } from './unlink.ts';

/** 16 hex digits of a sequence number, which orders uploads by initiation, and 32 that nobody can guess. */
const UPLOAD_ID = /^[0-9a-f]{48}$/;
const SEQUENCE_DIGITS = 16;
const SECRET_BYTES = 16;
const PARTS_PER_COMMIT_MAX = 64;

const noSuchUpload = (uploadId: string): Fault => new Fault('not-found', 'upload', uploadId);

const noSuchPart = (number: number, etag: string): Fault =>
  new Fault('not-found', 'part', `${number} with ETag ${etag}`);

/** The number in an id; `undefined` for what cannot be one of ours. */
const sequenceOf = (uploadId: string): number | undefined => {
  const sequence = UPLOAD_ID.test(uploadId) ? parseInt(uploadId.slice(0, SEQUENCE_DIGITS), 16) : NaN;
  return Number.isSafeInteger(sequence) ? sequence : undefined;
};

interface StoredUpload {
  readonly sequence: number;
  readonly rowKey: Uint8Array;
  readonly row: UploadRow;
}

async function load(reader: KvReader, { bucket, key, uploadId }: UploadAt): Promise<StoredUpload> {
  const sequence = sequenceOf(uploadId);
  if (sequence === undefined) throw noSuchUpload(uploadId);
  const rowKey = uploadKey(bucket, key, sequence);
  const bytes = await reader.get(rowKey);
  const row = bytes === undefined ? undefined : decodeUpload(bytes);
  if (row?.uploadId !== uploadId) throw noSuchUpload(uploadId);
  return { sequence, rowKey, row };
}

/** The upload, unless it was completed already. */
export async function loadOpen(reader: KvReader, name: UploadAt): Promise<StoredUpload> {
  const upload = await load(reader, name);
  if (upload.row.completed !== undefined) throw noSuchUpload(name.uploadId);
  return upload;
}

const summaryOf = (key: ObjectKey, row: UploadRow): UploadSummary => {
  const { uploadId, initiatedAt, facet, checksum, encryption, initiator } = row;
  const summary = { key, uploadId, initiatedAt, facet, checksum, encryption };
  return initiator === undefined ? summary : { ...summary, initiator };
};

/** See ObjectStore.createUpload. */
export async function createUpload(
  parts: Parts,
  caller: Caller,
  to: Omit<Attachment, 'expect'> &
    Pick<UploadSummary, 'checksum' | 'initiator'> & { readonly encryption?: Encryption | undefined },
): Promise<UploadSummary> {
  const { kv, sequence, environment } = parts;
  const { bucket, key, facet, checksum, lock, initiator } = to;
  const number = sequence.next();
  const secret = Buffer.from(environment.random.bytes(SECRET_BYTES)).toString('hex');
  const uploadId = number.toString(16).padStart(SEQUENCE_DIGITS, '0') + secret;
  const initiatedAt = environment.clock.wall();
  return kv.transact('durable', async (tx) => {
    await requireBucket(tx, bucket);
    const encryption = await settled(parts, tx, to.encryption);
    const owner = { uid: caller.uid, gid: caller.gid };
    const given = { facet, checksum, lock, encryption, initiator, owner };
    const row = { uploadId, initiatedAt, ...given, completed: undefined };
    tx.put(uploadKey(bucket, key, number), encodeUpload(row));
    return summaryOf(key, row);
  });
}

/** See ObjectStore.upload. */
export async function upload({ kv }: Parts, name: UploadAt): Promise<UploadSummary> {
  const { row } = await load(kv, name);
  return summaryOf(name.key, row);
}

const partSummary = (number: number, { etag, size, modifiedAt, checksums }: PartRow): PartSummary => ({
  number,
  etag,
  size,
  modifiedAt,
  checksums,
});

/** See ObjectStore.putPart. A part is an inode without a name. */
export async function putPart(
  parts: Parts,
  name: UploadAt,
  draft: FileDraft,
  { number, etag, checksums }: Pick<PartSummary, 'number' | 'etag' | 'checksums'>,
): Promise<PartSummary> {
  await draft.finish();
  const row = await parts.kv.transact('durable', async (tx) => {
    const { sequence, row } = await loadOpen(tx, name);
    await requireBucket(tx, name.bucket);
    const encryption = await settled(parts, tx, draft.encryption);
    await dropPart(parts, tx, { upload: sequence, number });
    const ino = draft.ino();
    const now = parts.environment.clock.wall();
    const contentGeneration = parts.sequence.next();
    const owned = { ...row.owner, bucket: name.bucket };
    const birth = { ino, ...owned, mode: 0, kind: 'file', now, contentGeneration } as const;
    const place = await draft.attachTo(tx);
    const inode = { ...newInode(birth), ...place, linkCount: 0, size: draft.length(), encryption };
    await putInode(tx, inode);
    const part = { ino, etag, size: draft.length(), modifiedAt: now, checksums };
    putBelonging(tx, ino, { key: name.key, upload: sequence, part: number });
    tx.put(partKey(sequence, number), encodePart(part));
    return part;
  });
  draft.attached();
  return partSummary(number, row);
}

async function dropPart(
  parts: Parts,
  tx: KvTransaction,
  { upload: sequence, number }: { upload: number; number: number },
): Promise<void> {
  const bytes = await tx.get(partKey(sequence, number));
  if (bytes === undefined) return;
  await dropInode(parts, tx, await loadInode(tx, decodePart(bytes).ino));
  tx.delete(partKey(sequence, number));
}

/** See ObjectStore.parts. */
export async function listParts(
  { kv }: Parts,
  name: UploadAt,
  { afterNumber, partsMax }: { afterNumber: number; partsMax: number },
): Promise<{ parts: readonly PartSummary[]; more: boolean }> {
  const { sequence } = await loadOpen(kv, name);
  const found: PartSummary[] = [];
  const pageEntries = Math.min(partsMax + 1, PAGE_ENTRIES_MAX + 1);
  for await (const page of kv.scan(partRange(sequence, afterNumber), { pageEntries })) {
    found.push(...page.map(({ key, value }) => partSummary(numberOfPartKey(key), decodePart(value))));
    if (found.length > partsMax) break;
  }
  return { parts: found.slice(0, partsMax), more: found.length > partsMax };
}

/** See ObjectStore.uploads. */
export async function listUploads(
  { kv }: Parts,
  bucket: Ino,
  options: { prefix: Uint8Array; afterKey: Uint8Array; afterUploadId: string; uploadsMax: number },
): Promise<{ uploads: readonly UploadSummary[]; more: boolean }> {
  const { prefix, afterKey, afterUploadId, uploadsMax } = options;
  const sequence = afterUploadId === '' ? Number.MAX_SAFE_INTEGER : (sequenceOf(afterUploadId) ?? 0);
  const after = afterKey.length === 0 ? undefined : { key: afterKey, sequence };
  const found: UploadSummary[] = [];
  const pageEntries = Math.min(uploadsMax + 1, PAGE_ENTRIES_MAX + 1);
  for await (const page of kv.scan(uploadRange(bucket, prefix, after), { pageEntries })) {
    for (const { key, value } of page) {
      const row = decodeUpload(value);
      if (row.completed === undefined) found.push(summaryOf(keyOfUploadKey(key), row));
    }
    if (found.length > uploadsMax) break;
  }
  return { uploads: found.slice(0, uploadsMax), more: found.length > uploadsMax };
}

/** See ObjectStore.completeUpload. */
export async function completeUpload(parts: Parts, caller: Caller, completion: Completion): Promise<Found> {
  const known = await load(parts.kv, completion);
  if (known.row.completed !== undefined) return foundOf(known.row.completed);
  const { encryption } = known.row;
  // The parts have its key, so no byte is read: a customer's key is not needed.
  const draft = new FileDraft(parts, encryption && { encryption, secret: undefined });
  try {
    for (const part of completion.parts) await splicePart(parts, draft, known.sequence, part);
    const to = { ...completion, lock: known.row.lock };
    return await attach(parts, caller, draft, to, (tx, inode) => finish(parts, tx, completion, inode));
  } catch (fault) {
    await draft.discard();
    // Another Complete of the same upload was faster: both answer the same.
    const now = await load(parts.kv, completion).catch(() => known);
    if (now.row.completed !== undefined) return foundOf(now.row.completed);
    throw fault;
  }
}

async function splicePart(
  parts: Parts,
  draft: FileDraft,
  sequence: number,
  { number, etag }: { number: number; etag: string },
): Promise<void> {
  await attempting('part', async () => {
    const bytes = await parts.kv.get(partKey(sequence, number));
    const part = bytes === undefined ? undefined : decodePart(bytes);
    if (part?.etag !== etag) throw noSuchPart(number, etag);
    const snapshot = await openSnapshot(parts, part.ino).catch(ifStale);
    // Sent again or given up between the two reads: the row says which.
    if (snapshot === undefined) return undefined;
    try {
      await draft.splice(snapshot, 0, part.size);
      return 'spliced';
    } finally {
      await snapshot.close();
    }
  });
}

/** The row stays for a second Complete; the parts are given up by the collector. */
async function finish(
  parts: Parts,
  tx: KvTransaction,
  completion: Completion,
  inode: Parameters<typeof foundOf>[0],
): Promise<void> {
  const { sequence, rowKey, row } = await loadOpen(tx, completion);
  // A part that was sent again meanwhile has been acknowledged: the object must not be made of the one before.
  const rows = await tx.getMany(completion.parts.map(({ number }) => partKey(sequence, number)));
  for (const [index, { number, etag }] of completion.parts.entries()) {
    const bytes = rows[index];
    if (bytes === undefined || decodePart(bytes).etag !== etag) throw noSuchPart(number, etag);
  }
  const shown = inode.encryption && { ...inode.encryption, sealed: new Uint8Array(0) };
  await countOff(tx, completion.bucket, { sequence, row });
  const completed = { ...inode, ...NO_CONTENT, encryption: shown };
  tx.put(rowKey, encodeUpload({ ...row, completed }));
  tx.put(finishedKey(sequence), encodeFinished({ uploadKey: rowKey, at: parts.environment.clock.wall() }));
}

/** See ObjectStore.abortUpload. */
export async function abortUpload(parts: Parts, at: UploadAt): Promise<void> {
  await parts.kv.transact('durable', async (tx) => {
    await abandon(parts, tx, at.bucket, await loadOpen(tx, at));
  });
}

/** Its parts are given up by the collector. */
async function abandon(
  { environment }: Parts,
  tx: KvTransaction,
  bucket: Ino,
  { sequence, rowKey, row }: StoredUpload,
): Promise<void> {
  if (row.completed === undefined) await countOff(tx, bucket, { sequence, row });
  tx.delete(rowKey);
  tx.put(finishedKey(sequence), encodeFinished({ uploadKey: rowKey, at: environment.clock.wall() }));
}

/** The parts of an upload that is over count no more from this commit on, although they go one after the other. */
async function countOff(
  tx: KvTransaction,
  bucket: Ino,
  { sequence, row }: Pick<StoredUpload, 'sequence' | 'row'>,
): Promise<void> {
  let bytes = 0n;
  let inodes = 0n;
  for await (const page of tx.scan(partRange(sequence, 0), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { value } of page) bytes += BigInt(decodePart(value).size);
    inodes += BigInt(page.length);
  }
  countingOf(tx).add({ owner: { ...row.owner, bucket }, bytes: -bytes, inodes: -inodes });
}

/** Aborts a bounded number of the uploads of a bucket. */
export async function abortAll(parts: Parts, bucket: Ino): Promise<void> {
  for await (const page of parts.kv.scan(uploadRange(bucket, new Uint8Array(0)), {
    pageEntries: PAGE_ENTRIES_MAX,
  })) {
    for (const { key, value } of page) {
      const sequence = sequenceOf(decodeUpload(value).uploadId);
      if (sequence === undefined) continue;
      await parts.kv.transact('durable', async (tx) => {
        const bytes = await tx.get(key);
        if (bytes !== undefined)
          await abandon(parts, tx, bucket, { sequence, rowKey: key, row: decodeUpload(bytes) });
      });
    }
    return;
  }
}

/** Gives up some parts of a finished upload; false when it has none left. */
export async function dropSomeParts(parts: Parts, sequence: number): Promise<boolean> {
  return parts.kv.transact('buffered', async (tx) => {
    countingOf(tx).leaveOut();
    for await (const page of tx.scan(partRange(sequence, 0), { pageEntries: PARTS_PER_COMMIT_MAX })) {
      for (const { key } of page)
        await dropPart(parts, tx, { upload: sequence, number: numberOfPartKey(key) });
      return true;
    }
    return false;
  });
}
