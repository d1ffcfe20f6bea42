import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { ObjectFacts, UploadCondition } from '../cold/object-store.ts';
import { isOfBlob } from '../moving.ts';
import type { WholeObject } from '../whole-objects.ts';
import { moveAside } from './move-aside.ts';
import type { NativeParts } from './native-parts.ts';
import {
  decodeNative,
  encodeNative,
  nativeBlobs,
  nativeKey,
  putLead,
  type NativeRow,
} from './native-records.ts';
import { objectBytes } from './object-bytes.ts';
import { etagOfContent, UNSEALED, uploadObject, type UploadNote } from './upload-object.ts';

/** `packed`: it must not lie there in the open; `overtaken`: it has another content by now; a fault: nobody can read some of it. */
export type PutOutcome = NativeRow | Fault | 'packed' | 'overtaken' | 'changed-outside';

/**
 * Puts an object of ours under its key, where there is nothing or what we have put there; the caller has the lock of the key. What
 * needs what lies there moves aside first. A crash at any moment leaves a row that says what may lie there now.
 */
export async function putObject(parts: NativeParts, key: string, object: WholeObject): Promise<PutOutcome> {
  const { store, environment } = parts;
  await abandonEarlier(parts, key);
  const condition = await conditionOf(parts, key);
  if (condition === undefined) return 'changed-outside';
  if (object.isSealed && !store.seals()) return 'packed';
  // Newer metadata may need what lies there.
  if (condition.kind === 'same' && !store.mayForget()) return 'packed';
  if (!(await isMovedAside(parts, key))) return 'changed-outside';
  const fresh: NativeRow = {
    ...{ id: parts.nextId(), state: 'uploading', etag: condition.kind === 'same' ? condition.etag : '' },
    ...{ file: object.file, fileState: object.state, length: object.length },
    ...{ crc64nvme: new Uint8Array(0), upload: '' },
  };
  let row = fresh;
  const note = async (said: UploadNote): Promise<void> => {
    row = { ...fresh, ...said };
    await begin(parts, key, row);
  };
  const { headers, metadata, isSealed } = object;
  const about = { headers, metadata, isSealed };
  const wanted = { key, about, length: object.length, condition, note, read: objectBytes(parts, object) };
  try {
    const etag = await uploadObject({ ...store, environment }, wanted);
    if (etag === undefined) return 'changed-outside';
    if (etag === UNSEALED) return 'packed';
    return await finish(parts, key, { ...row, state: 'here', etag, upload: '' });
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'stale-handle') return 'overtaken';
    if (failure instanceof Fault && failure.subject === 'blob' && isOfBlob(failure)) return failure;
    throw failure;
  }
}

/** What a crash has left of an upload in parts: nobody else knows its name, once the row says another one. */
async function abandonEarlier({ kv, store }: NativeParts, key: string): Promise<void> {
  const known = await kv.get(nativeKey(key));
  const upload = known === undefined ? '' : decodeNative(known).upload;
  if (upload !== '') await store.objects.abandon(key, upload, new AbortController().signal);
}

/** False: what needs it cannot be read there, because somebody has taken it away. */
async function isMovedAside(parts: NativeParts, key: string): Promise<boolean> {
  try {
    await moveAside(parts, key);
    return true;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'corrupt' && failure.subject === 'blob') return false;
    throw failure;
  }
}

/** What must be under the key: what is there now, if that is ours; `undefined`: it is somebody else's. */
async function conditionOf(parts: NativeParts, key: string): Promise<UploadCondition | undefined> {
  const { kv, store } = parts;
  const known = await kv.get(nativeKey(key));
  const facts = await store.objects.head(key, new AbortController().signal);
  if (facts === undefined) return { kind: 'absent' };
  const isOurs = known !== undefined && (await isOwn(parts, { key, facts, row: decodeNative(known) }));
  return isOurs ? { kind: 'same', etag: facts.etag } : undefined;
}

/** Whether what lies under a key is what we have put there, or what an upload was to put there whose end nobody has seen. */
export async function isOwn(
  { store, environment }: Pick<NativeParts, 'store' | 'environment'>,
  { key, facts, row }: { readonly key: string; readonly facts: ObjectFacts; readonly row: NativeRow },
): Promise<boolean> {
  if (row.etag !== '' && facts.etag === row.etag) return true;
  const isPossible =
    row.state === 'uploading' && row.crc64nvme.length > 0 && facts.objectBytes === row.length;
  if (!isPossible) return false;
  if (facts.crc64nvme !== undefined) return Buffer.compare(facts.crc64nvme, row.crc64nvme) === 0;
  return (await etagOfContent({ ...store, environment }, key, row)) === facts.etag;
}

/** Durable before the store is told: that something of ours may be under the key. */
async function begin({ kv }: NativeParts, key: string, row: NativeRow): Promise<void> {
  await kv.transact('durable', async (tx) => {
    await requireUnneeded(tx, key, row.id);
    tx.put(nativeKey(key), encodeNative(row));
    putLead(tx, key);
  });
}

/** Nothing has a copy in what is replaced: it was moved aside, and nothing came since, as we have the lock. */
async function requireUnneeded(tx: KvTransaction, key: string, id: number): Promise<void> {
  const known = await tx.get(nativeKey(key));
  const before = known && decodeNative(known);
  if (before === undefined || before.id === id) return;
  for await (const page of tx.scan(nativeBlobs(before.id), { pageEntries: 1 }))
    assert.equal(page.length, 0, `${key} is replaced while something needs it`);
}

async function finish({ kv }: NativeParts, key: string, row: NativeRow): Promise<NativeRow> {
  await kv.transact('durable', async (tx) => tx.put(nativeKey(key), encodeNative(row)));
  return row;
}
