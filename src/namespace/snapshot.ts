import { Fault } from '../fault.ts';
import type { KvReader } from '../kv/kv.ts';
import { CONTENT_BLOB_BYTES_MAX } from '../limits.ts';
import type { BlobGuard } from '../tiering/blobs.ts';
import type { Lent } from '../tiering/content-cache.ts';
import type { BlobContent } from '../tiering/sealed-blobs.ts';
import { foundOf, loadInode, withDirty } from './attributes.ts';
import { blobsOf, plan, readPieces, type Piece } from './content.ts';
import { contentOf, framesOf } from './content-key.ts';
import type { DirtyRanges } from './dirty.ts';
import { extentsWithin, type Range } from './extents.ts';
import { inodeKey, orphanKey } from './keys.ts';
import { lendPieces, own } from './lend.ts';
import type { Ino, OpenObject } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeInode, type Extent, type Inode } from './records.ts';
import { decodeOrphan } from './unlink.ts';

/** Files with more bytes than this have their extents looked up while they are read. */
const PINNED_BYTES_MAX = 256 * CONTENT_BLOB_BYTES_MAX;

interface Layers {
  readonly inode: Inode;
  /** All of the file's, or `undefined` when they are looked up while reading. */
  readonly extents: readonly Extent[] | undefined;
  readonly dirty: readonly (DirtyRanges | undefined)[];
}

interface Opened extends Layers {
  readonly customerKey: Uint8Array | undefined;
}

/**
 * Opens the file as it is now, with what NFS has written and not committed. Blobs it shows stay readable until it is
 * closed. A file of more than 256 MiB whose content is changed in place while it is read faults with 'conflict' rather
 * than show bytes of two generations.
 */
export async function openSnapshot(parts: Parts, ino: Ino, customerKey?: Uint8Array): Promise<FileSnapshot> {
  const guard = parts.blobs.guard();
  try {
    // The lock keeps a write-out from ending between the look at the rows and the look at the dirty data, if there is any.
    const withDirtyData = (): Promise<Layers> => parts.files.exclusive(ino, () => takeLayers(parts, ino));
    let layers = await (parts.files.get(ino) === undefined ? committedLayers(parts, ino) : withDirtyData());
    // Written to since: the rows may have a change that was made after the write, and nothing of the write.
    if (layers.dirty.length === 0 && parts.files.get(ino) !== undefined) layers = await withDirtyData();
    return opened(parts, { ...layers, customerKey }, guard);
  } catch (fault) {
    guard.release();
    throw fault;
  }
}

function opened(parts: Parts, layers: Opened, guard: BlobGuard): FileSnapshot {
  if (layers.extents !== undefined) guard.narrow(blobsOf(layers.extents));
  else {
    guard.narrow([]);
    pin(parts, layers.inode.contentId);
  }
  return new FileSnapshot(parts, layers, guard);
}

/** Without what NFS has written and not committed. */
export async function openCommitted(parts: Parts, ino: Ino): Promise<FileSnapshot> {
  const guard = parts.blobs.guard();
  try {
    return opened(parts, { ...(await committedLayers(parts, ino)), customerKey: undefined }, guard);
  } catch (fault) {
    guard.release();
    throw fault;
  }
}

async function takeLayers(parts: Parts, ino: Ino): Promise<Layers> {
  // Taken before the look at the rows: a removal forgets the file without a lock, and what was written to it with it.
  const file = parts.files.get(ino);
  const attributes = file?.attributes;
  const dirty = file === undefined ? [] : [file.flushing, file.dirty.copy()];
  const { inode, extents } = await committedLayers(parts, ino);
  return { inode: withDirty(inode, attributes), extents, dirty };
}

async function committedLayers(parts: Parts, ino: Ino): Promise<Layers> {
  const inode = await loadInode(parts.kv, ino);
  // One row is of one moment.
  if (inode.extents !== undefined) return { inode, extents: inode.extents, dirty: [] };
  return layersOfRows(parts, ino);
}

const layersOfRows = (parts: Parts, ino: Ino): Promise<Layers> =>
  parts.kv.transact('buffered', async (tx) => {
    const inode = await loadInode(tx, ino);
    const eager = inode.extents !== undefined || inode.size <= PINNED_BYTES_MAX;
    const extents = eager ? await extentsWithin(tx, inode, { start: 0, end: Infinity }) : undefined;
    return { inode, extents, dirty: [] };
  });

function pin({ contentPins }: Parts, contentId: number): void {
  contentPins.set(contentId, (contentPins.get(contentId) ?? 0) + 1);
}

function unpin({ contentPins }: Parts, contentId: number): void {
  const count = contentPins.get(contentId) ?? 0;
  if (count > 1) contentPins.set(contentId, count - 1);
  else contentPins.delete(contentId);
}

/** A picture of one file that later changes do not touch. See OpenObject. */
export class FileSnapshot implements OpenObject {
  readonly #parts: Parts;
  readonly #layers: Opened;
  readonly #guard: BlobGuard;
  /** Opened at the first read: who looks at the attributes needs no key. */
  #content: BlobContent | undefined;
  #found: OpenObject['found'] | undefined;
  #isOpen = true;

  constructor(parts: Parts, layers: Opened, guard: BlobGuard) {
    this.#parts = parts;
    this.#layers = layers;
    this.#guard = guard;
  }

  get found(): OpenObject['found'] {
    return (this.#found ??= foundOf(this.#layers.inode));
  }

  /** Of the inode as it was then. */
  get names(): Inode['names'] {
    return this.#layers.inode.names;
  }

  read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const extent = this.#extentAround(offset, length);
    if (extent === undefined) return this.#pieces(offset, length);
    const at = extent.blobOffset + offset - extent.offset;
    return onePiece(() => this.#opened().read(extent.blob, at, length));
  }

  /** The one that has all of the range, as in small objects; `undefined`: it takes more than a look to know. */
  #extentAround(offset: number, length: number): Extent | undefined {
    const { inode, extents, dirty } = this.#layers;
    if (inode.kind !== 'file' || dirty.length > 0 || length === 0) return undefined;
    const [extent, next] = extents ?? [];
    if (extent === undefined || next !== undefined) return undefined;
    const isWithin = extent.offset <= offset && offset + length <= extent.offset + extent.length;
    return isWithin ? extent : undefined;
  }

  #opened(): BlobContent {
    const { inode, customerKey } = this.#layers;
    return (this.#content ??= contentOf(this.#parts, inode.encryption, customerKey));
  }

  async *#pieces(offset: number, length: number): AsyncGenerator<Uint8Array, void> {
    const { inode } = this.#layers;
    if (inode.kind === 'symlink') {
      yield inode.target.subarray(offset, offset + length);
      return;
    }
    const content = this.#opened();
    const read = (pieces: readonly Piece[]): Promise<readonly Uint8Array[]> => readPieces(content, pieces);
    for await (const bytes of this.#windows({ start: offset, end: offset + length }, read, () => undefined))
      yield* bytes;
  }

  async *lend(offset: number, length: number): AsyncIterable<Lent> {
    const { inode, customerKey } = this.#layers;
    // Memory that others share must not keep what a customer's key seals.
    if (inode.kind === 'symlink' || customerKey !== undefined) {
      for await (const bytes of this.read(offset, length)) yield own([bytes]);
      return;
    }
    const source = framesOf(this.#parts, inode.encryption);
    const lend = (pieces: readonly Piece[]): Promise<Lent> => lendPieces(this.#parts, source, pieces);
    yield* this.#windows({ start: offset, end: offset + length }, lend, (lent) => lent.letGo());
  }

  /** What `take` makes of one window after the other; `drop` gets what nobody wants any more. */
  async *#windows<Taken>(
    { start, end }: Range,
    take: (pieces: readonly Piece[]) => Promise<Taken>,
    drop: (taken: Taken) => void,
  ): AsyncIterable<Taken> {
    // One piece ahead: the device works while the client is being written to.
    let ahead: Promise<Taken> | undefined = this.#window(start, end, take);
    try {
      for (let at = start; at < end && ahead !== undefined;) {
        const next = Math.min(end, windowEnd(at));
        const taken = await ahead;
        ahead = next < end ? this.#window(next, end, take) : undefined;
        ahead?.catch(() => undefined);
        yield taken;
        at = next;
      }
    } finally {
      ahead?.then(drop, () => undefined);
    }
  }

  /** The extents that make up [start, end), or `undefined` when they are not all of the content. */
  async extents(start: number, end: number): Promise<readonly Extent[] | undefined> {
    const { inode, dirty } = this.#layers;
    const isWhole = inode.kind === 'file' && dirty.every((ranges) => (ranges?.bytes() ?? 0) === 0);
    return isWhole ? this.#extentsWithin(start, end) : undefined;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#guard.release();
    if (this.#layers.extents === undefined) unpin(this.#parts, this.#layers.inode.contentId);
  }

  async #window<Taken>(
    start: number,
    end: number,
    take: (pieces: readonly Piece[]) => Promise<Taken>,
  ): Promise<Taken> {
    const range = { start, end: Math.min(end, windowEnd(start)) };
    const guard = this.#parts.blobs.guard();
    try {
      const extents = await this.#extentsWithin(range.start, range.end);
      return await take(plan(extents, this.#layers.dirty, range));
    } finally {
      guard.release();
    }
  }

  async #extentsWithin(start: number, end: number): Promise<readonly Extent[]> {
    const { inode, extents } = this.#layers;
    const place = { extents, contentId: inode.contentId };
    const { kv } = this.#parts;
    if (extents !== undefined) return extentsWithin(kv, place, { start, end });
    // In one moment: what is merged meanwhile would show twice.
    return kv.transact('buffered', async (tx) => {
      await this.#checkUnchanged(tx);
      return extentsWithin(tx, place, { start, end });
    });
  }

  /** A content that lost its file keeps its extent rows while it is pinned; one that was written to may have lost some. */
  async #checkUnchanged(reader: KvReader): Promise<void> {
    const { inode } = this.#layers;
    const rows = await reader.getMany([inodeKey(inode.ino), orphanKey(inode.contentId)]);
    const [now, orphan] = rows;
    const owner = now === undefined ? undefined : decodeInode(inode.ino, now);
    const isOwned = owner?.contentId === inode.contentId;
    const generation = isOwned ? owner.contentGeneration : orphan && decodeOrphan(orphan);
    const isUnchanged = generation !== undefined && generation <= inode.contentGeneration;
    if (!isUnchanged) throw new Fault('conflict', 'object', `inode ${inode.ino} changed while it was read`);
  }
}

/** What `read` comes to, when somebody asks for it. */
function onePiece(read: () => Promise<Uint8Array>): AsyncIterable<Uint8Array> {
  let isRead = false;
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (isRead) return { done: true, value: undefined };
    isRead = true;
    return { done: false, value: await read() };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

/** Windows end at multiples of the blob size, so that a window of a streamed file is one blob. */
const windowEnd = (at: number): number =>
  (Math.floor(at / CONTENT_BLOB_BYTES_MAX) + 1) * CONTENT_BLOB_BYTES_MAX;
