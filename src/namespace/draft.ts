import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import {
  CONTENT_BLOB_BYTES_MAX,
  DRAFT_WRITES_MAX,
  EXTENTS_EMBEDDED_MAX,
  EXTENTS_PER_COMMIT_MAX,
  FILE_BYTES_MAX,
} from '../limits.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { hasOwnKey, hasSameKey, type ContentKey, type Encryption } from '../keyring/encryption.ts';
import type { BlobGuard, StagedBlob } from '../tiering/blobs.ts';
import type { BlobContent } from '../tiering/sealed-blobs.ts';
import { blobsOf, extentsOfRange } from './content.ts';
import { contentUnder } from './content-key.ts';
import { bytesBelow, sumBelow } from './census/bytes-below.ts';
import { NO_CONTENT, putExtentRows, type HeldContent } from './extents.ts';
import { draftKey } from './keys.ts';
import { addHolders, putHolders } from './holders.ts';
import type { Draft, Ino, OpenObject } from './namespace.ts';
import type { Parts } from './parts.ts';
import { NOTHING_BELOW, type BytesBelow, type Extent } from './records.ts';
import { FileSnapshot } from './snapshot.ts';
import { cutIntoBlobs, lengthOf } from './stage.ts';
import { dropContent } from './unlink.ts';

interface Unsaved {
  readonly extent: Extent;
  /** `undefined`: the extent shares a blob that exists. */
  readonly staged: StagedBlob | undefined;
}

/**
 * Content on its way to a name. Nothing of a short draft is in the store before its name is; a long one saves its
 * extents in buffered commits under a `draft` row, which the next start collects if the name never came.
 */
export class FileDraft implements Draft {
  readonly #parts: Parts;
  readonly #content: Pick<BlobContent, 'stage'>;
  /** As it was when the draft began: `settled` says what to write. */
  readonly encryption: Encryption | undefined;
  #length = 0;
  /** Bytes that do not fill a blob yet. */
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  readonly #writing = new Set<Promise<unknown>>();
  /** Where blobs begin that are not written, also for a failure. */
  readonly #unwritten = new Set<number>();
  /** Who wants to know when all bytes before `end` are written, in the order of `end`. */
  readonly #lenders: { readonly end: number; readonly taken: () => void }[] = [];
  #unsaved: Unsaved[] = [];
  /** On the device but perhaps not durable. */
  readonly #written: StagedBlob[] = [];
  readonly #guards: BlobGuard[] = [];
  #contentId = 0;
  /** Of what is saved, as it was then; moves since have left rows for the census. */
  #below = NOTHING_BELOW;
  #ino: Ino | undefined;
  #failure: Error | undefined;
  #isOpen = true;

  /** Without the secret that its content has, nothing but what has the same key can be spliced into a draft. */
  constructor(parts: Parts, key?: ContentKey) {
    this.#parts = parts;
    this.encryption = key?.encryption;
    const isClosed = key !== undefined && key.secret === undefined && hasOwnKey(key.encryption);
    this.#content = isClosed ? unwritable : contentUnder(parts, key);
  }

  length(): number {
    return this.#length;
  }

  /** Of the inode that gets the content: what is saved before there is one says whose it will be. */
  ino(): Ino {
    this.#ino ??= this.#parts.sequence.next() as Ino;
    return this.#ino;
  }

  async write(parts: readonly Uint8Array[], taken?: () => void): Promise<void> {
    const bytes = lengthOf(parts);
    this.#require(this.#length + bytes);
    this.#length += bytes;
    for (const part of parts) if (part.length > 0) this.#tail.push(part);
    this.#tailBytes += bytes;
    if (taken !== undefined) this.#lenders.push({ end: this.#length, taken });
    if (bytes === 0) this.#giveBack();
    if (this.#tailBytes < CONTENT_BLOB_BYTES_MAX) return;
    await this.#stageTail(Math.floor(this.#tailBytes / CONTENT_BLOB_BYTES_MAX) * CONTENT_BLOB_BYTES_MAX);
    if (this.#unsaved.length >= EXTENTS_PER_COMMIT_MAX) await this.#save();
  }

  relieve(): Promise<void> {
    return this.#stageTail(this.#tailBytes);
  }

  async splice(source: OpenObject, offset: number, length: number): Promise<void> {
    assert(source instanceof FileSnapshot);
    this.#require(this.#length + length);
    if (length === 0) return;
    // Before the look at the extents: what they name may be given up at any time.
    const guard = this.#parts.blobs.guard();
    this.#guards.push(guard);
    const extents = await source.extents(offset, offset + length);
    // What is not in blobs yet is copied: dirty NFS data, the target of a symlink; also what another key has encrypted.
    if (extents === undefined || !hasSameKey(source.found.encryption, this.encryption)) {
      guard.narrow([]);
      for await (const bytes of source.read(offset, length)) await this.write([bytes]);
      return;
    }
    const shared = extentsOfRange(extents, { start: offset, end: offset + length });
    guard.narrow(blobsOf(shared));
    await this.#stageTail(this.#tailBytes);
    const shift = this.#length - offset;
    this.#length += length;
    for (const extent of shared) {
      this.#unsaved.push({ extent: { ...extent, offset: extent.offset + shift }, staged: undefined });
      if (this.#unsaved.length >= EXTENTS_PER_COMMIT_MAX) await this.#save();
    }
  }

  async discard(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await Promise.allSettled(this.#writing);
    for (const { staged } of this.#unsaved) if (staged !== undefined) this.#parts.blobs.discard(staged);
    this.#release();
    const contentId = this.#contentId;
    if (contentId === 0) return;
    await this.#parts.kv.transact('buffered', async (tx) => {
      await dropContent(this.#parts, tx, { extents: undefined, contentId, contentGeneration: 0 });
      tx.delete(draftKey(contentId));
    });
  }

  /** Makes the bytes durable. After it only `attachTo` or `discard` may follow. */
  async finish(): Promise<void> {
    this.#require(this.#length);
    if (this.#tailBytes === this.#length && this.#length <= CONTENT_BLOB_BYTES_MAX) await this.#stageWhole();
    else {
      await this.#stageTail(this.#tailBytes);
      await this.#settled();
    }
    await this.#parts.blobs.flush(this.#written);
    if (this.#unsaved.length > EXTENTS_PER_COMMIT_MAX) await this.#save();
  }

  /** Writes what the store does not know yet, in the transaction that gives the content to the inode `ino()`. */
  async attachTo(tx: KvTransaction): Promise<HeldContent> {
    const below = sumBelow(this.#below, await this.#hold(tx, this.#unsaved));
    // In the order of the file: blobs are written several at a time and end in any order.
    const extents = this.#unsaved.map(({ extent }) => extent).sort((one, other) => one.offset - other.offset);
    if (this.#contentId === 0 && extents.length === 0) return NO_CONTENT;
    if (this.#contentId === 0 && extents.length <= EXTENTS_EMBEDDED_MAX)
      return { extents, contentId: 0, below };
    const contentId = this.#contentId === 0 ? this.#parts.sequence.next() : this.#contentId;
    putExtentRows(tx, contentId, extents);
    if (this.#contentId !== 0) tx.delete(draftKey(contentId));
    return { extents: undefined, contentId, below };
  }

  /** After the commit of `attachTo`: the content belongs to its inode. */
  attached(): void {
    this.#isOpen = false;
    this.#release();
  }

  #release(): void {
    if (this.#ino !== undefined) this.#parts.savedDrafts.delete(this.#ino);
    for (const guard of this.#guards.splice(0)) guard.release();
  }

  #require(length: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isOpen) throw new Fault('conflict', 'request', 'the draft is closed');
    if (length > FILE_BYTES_MAX) throw new Fault('too-large', 'object', `${length} bytes`);
  }

  /** All of a short one as one blob. */
  async #stageWhole(): Promise<void> {
    const length = this.#length;
    if (length === 0) return;
    const staged = await this.#content.stage(this.#tail).catch((failure: unknown) => {
      this.#failure = failure instanceof Error ? failure : new Error(String(failure));
      throw this.#failure;
    });
    this.#tail = [];
    this.#tailBytes = 0;
    this.#giveBack();
    const extent = { offset: 0, length, blob: staged.id, blobOffset: 0 };
    this.#unsaved.push({ extent, staged });
    this.#written.push(staged);
  }

  /** Starts writing the first `bytes` of the tail; waits while too many blobs are being written. */
  async #stageTail(bytes: number): Promise<void> {
    if (bytes === 0) return;
    let offset = this.#length - this.#tailBytes;
    const whole = this.#tail;
    this.#tail = rest(whole, bytes);
    this.#tailBytes -= bytes;
    // All of them before the first wait: who lent the bytes of one that waits for its turn must not get them back.
    const blobs = cutIntoBlobs(first(whole, bytes)).map((list) => {
      const blob = { list, offset, length: lengthOf(list) };
      offset += blob.length;
      this.#unwritten.add(blob.offset);
      return blob;
    });
    for (const { list, ...place } of blobs) {
      this.#start(list, place);
      while (this.#writing.size >= DRAFT_WRITES_MAX) await Promise.race(this.#writing);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(list: readonly Uint8Array[], { offset, length }: { offset: number; length: number }): void {
    assert(length > 0 && lengthOf(list) === length, 'its bytes are there');
    const writing = this.#content.stage(list).then(
      (staged) => {
        this.#unwritten.delete(offset);
        this.#giveBack();
        const extent = { offset, length, blob: staged.id, blobOffset: 0 };
        this.#unsaved.push({ extent, staged });
        this.#written.push(staged);
      },
      (failure: unknown) => {
        this.#failure ??= failure instanceof Error ? failure : new Error(String(failure));
      },
    );
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  /** To those all of whose bytes are written. */
  #giveBack(): void {
    let end = this.#length - this.#tailBytes;
    for (const offset of this.#unwritten) end = Math.min(end, offset);
    for (let first = this.#lenders[0]; first !== undefined && first.end <= end; first = this.#lenders[0]) {
      this.#lenders.shift();
      first.taken();
    }
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#writing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What of it lies below the hot tier; only what is shared may. */
  async #hold(tx: KvTransaction, unsaved: readonly Unsaved[]): Promise<BytesBelow> {
    const { blobs } = this.#parts;
    const fresh: Extent[] = [];
    const shared: Extent[] = [];
    for (const { extent, staged } of unsaved) {
      if (staged === undefined) await blobs.retain(tx, extent.blob);
      else blobs.attach(tx, staged);
      (staged === undefined ? shared : fresh).push(extent);
    }
    putHolders(tx, this.ino(), fresh);
    if (shared.length === 0) return NOTHING_BELOW;
    await addHolders(tx, this.ino(), shared);
    return bytesBelow({ tx, blobs }, shared);
  }

  async #save(): Promise<void> {
    await this.#settled();
    const { kv, sequence } = this.#parts;
    const contentId = this.#contentId === 0 ? sequence.next() : this.#contentId;
    const unsaved = this.#unsaved;
    // Before the first commit: from then on its blobs may be moved.
    this.#parts.savedDrafts.add(this.ino());
    const below = await kv.transact('buffered', async (tx) => {
      const held = await this.#hold(tx, unsaved);
      putExtentRows(
        tx,
        contentId,
        unsaved.map(({ extent }) => extent),
      );
      tx.put(draftKey(contentId), new Uint8Array(0));
      return held;
    });
    this.#below = sumBelow(this.#below, below);
    this.#contentId = contentId;
    this.#unsaved = [];
  }
}

const unwritable: Pick<BlobContent, 'stage'> = {
  stage: async () => assert.fail('a draft whose key nobody has is spliced only'),
};

function first(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let left = bytes;
  for (const part of parts) {
    if (left === 0) break;
    taken.push(part.subarray(0, left));
    left -= Math.min(left, part.length);
  }
  return taken;
}

function rest(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  let skipped = bytes;
  for (const part of parts) {
    if (skipped < part.length) kept.push(part.subarray(skipped));
    skipped = Math.max(0, skipped - part.length);
  }
  return kept;
}
