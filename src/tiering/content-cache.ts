import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import { CACHED_FRAME_OVERHEAD_BYTES, CONTENT_CACHE_BYTES_MAX, FRAMES_PER_LOAD_MAX } from '../limits.ts';
import { FRAME_BYTES } from '../workers/cipher.ts';
import { allOrNone } from './all-or-none.ts';
import type { BlobId } from './blobs.ts';
import type { BlobFrames } from './sealed-blobs.ts';
import { FrameResidence, type CachedFrame } from './frame-residence.ts';
import { Slabs, type Slab } from './slabs.ts';

/** Bytes of a blob, which stay as they are until they are let go. */
export interface Lent {
  /** In order; views of memory that others read as well: never modify them. */
  readonly parts: readonly Uint8Array[];
  /** To be called once, when nobody looks at the parts any more. Who never does only costs the collector some work. */
  readonly letGo: () => void;
}

/** Some bytes of a blob. */
export interface BlobRange {
  readonly offset: number;
  readonly length: number;
}

/** A frame that is on its way into memory, and how many wait for it. */
interface Loading {
  readonly arrival: Promise<CachedFrame>;
  readonly arrived: (frame: CachedFrame) => void;
  readonly failed: (failure: unknown) => void;
  waiting: number;
}

type WantedFrame = CachedFrame | Promise<CachedFrame>;

const isHere = (frame: WantedFrame): frame is CachedFrame => !(frame instanceof Promise);

/** Short content would waste most of a slab. */
const OWN_BYTES_MAX = FRAME_BYTES / 4;

/**
 * Content of blobs in memory, in plain text and checked, by frames: many small reads of one frame cost one read of the
 * device and one decryption. A blob never changes and its id is never given again, so nothing here goes out of date. Who
 * reads has shown before that the content's key may be used; content under a customer's key must not come here.
 */
export class ContentCache {
  readonly #residence: FrameResidence;
  readonly #slabs = new Slabs();
  readonly #loading = new Map<BlobId, Map<number, Loading>>();
  #hits = 0;
  #misses = 0;

  constructor(bytesMax: number = CONTENT_CACHE_BYTES_MAX) {
    this.#residence = new FrameResidence(bytesMax, ({ slab }) => {
      if (slab !== undefined) this.#slabs.letGo(slab);
    });
  }

  /** Bytes held now, and frames that were found and that were not since the start. */
  statistics(): { readonly bytes: number; readonly hits: number; readonly misses: number } {
    return { bytes: this.#residence.bytes, hits: this.#hits, misses: this.#misses };
  }

  /** Resolves at once, that is to no promise, when memory has all of it. Faults as `source` does. */
  read(source: BlobFrames, id: BlobId, range: BlobRange): Lent | Promise<Lent> {
    const wanted = this.#want(source, id, range);
    return wanted.every(isHere) ? this.#lend(wanted, range) : this.#whenHere(wanted, range);
  }

  /** Brings what memory does not have of the range, for reads to come. Faults as `source` does. */
  async load(source: BlobFrames, id: BlobId, range: BlobRange): Promise<void> {
    this.#letGo(await this.#allHere(this.#want(source, id, range)));
  }

  async #whenHere(wanted: readonly WantedFrame[], range: BlobRange): Promise<Lent> {
    return this.#lend(await this.#allHere(wanted), range);
  }

  #allHere(wanted: readonly WantedFrame[]): Promise<readonly CachedFrame[]> {
    return allOrNone(wanted, (frame) => this.#letGo([frame]));
  }

  /** Each frame of the range, held, or the promise of it. */
  #want(source: BlobFrames, id: BlobId, { offset, length }: BlobRange): readonly WantedFrame[] {
    const wanted: WantedFrame[] = [];
    const end = Math.ceil((offset + length) / FRAME_BYTES);
    let missing: number[] = [];
    const loadMissing = (): void => {
      if (missing.length > 0) this.#load(source, id, missing);
      missing = [];
    };
    for (let number = Math.floor(offset / FRAME_BYTES); number < end; number += 1) {
      const frame = this.#residence.get(id, number);
      if (frame !== undefined) {
        this.#hits += 1;
        if (frame.slab !== undefined) this.#slabs.hold(frame.slab);
        wanted.push(frame);
        loadMissing();
        continue;
      }
      const known = this.#loading.get(id)?.get(number);
      const loading = known ?? this.#begin(id, number);
      loading.waiting += 1;
      wanted.push(loading.arrival);
      if (known !== undefined) loadMissing();
      else missing.push(number);
      if (missing.length === FRAMES_PER_LOAD_MAX) loadMissing();
    }
    loadMissing();
    return wanted;
  }

  #begin(id: BlobId, number: number): Loading {
    let arrived: Loading['arrived'] = () => undefined;
    let failed: Loading['failed'] = () => undefined;
    const arrival = new Promise<CachedFrame>((resolve, reject) => {
      arrived = resolve;
      failed = reject;
    });
    const loading = { arrival, arrived, failed, waiting: 0 };
    const ofBlob = this.#loading.get(id);
    if (ofBlob === undefined) this.#loading.set(id, new Map([[number, loading]]));
    else ofBlob.set(number, loading);
    this.#misses += 1;
    return loading;
  }

  #end(id: BlobId, number: number): Loading {
    const ofBlob = this.#loading.get(id);
    const loading = ofBlob?.get(number);
    assert(ofBlob !== undefined && loading !== undefined, 'a frame arrives that nobody has asked for');
    ofBlob.delete(number);
    if (ofBlob.size === 0) this.#loading.delete(id);
    return loading;
  }

  /** Loads frames that follow one another; whoever waits for them is told. */
  #load(source: BlobFrames, id: BlobId, numbers: readonly number[]): void {
    const [first = 0] = numbers;
    const slabs = numbers.map(() => this.#slabs.take());
    source
      .readFrames(
        id,
        first,
        slabs.map(({ bytes }) => bytes),
      )
      .then(
        (length) => {
          for (const [index, slab] of slabs.entries()) {
            const bytes = slab.bytes.subarray(0, Math.max(0, length - index * FRAME_BYTES));
            this.#arrive(this.#end(id, first + index), { id, number: first + index, bytes, slab });
          }
        },
        (failure: unknown) => {
          for (const slab of slabs) this.#slabs.letGo(slab);
          for (const number of numbers) this.#end(id, number).failed(failure);
        },
      );
  }

  #arrive(
    { waiting, arrived }: Loading,
    { id, number, bytes, slab }: { id: BlobId; number: number; bytes: Uint8Array; slab: Slab },
  ): void {
    const isShort = bytes.length <= OWN_BYTES_MAX;
    const frame: CachedFrame = {
      id,
      number,
      bytes: isShort ? Uint8Array.from(bytes) : bytes,
      slab: isShort ? undefined : slab,
      weight: (isShort ? bytes.length : FRAME_BYTES) + CACHED_FRAME_OVERHEAD_BYTES,
      readTo: 0,
      reuses: 0,
      next: undefined,
    };
    if (isShort) this.#slabs.letGo(slab);
    // Held for those who wait before anything else can push it out again.
    else for (let holder = 0; holder < waiting; holder += 1) this.#slabs.hold(slab);
    this.#residence.add(frame);
    arrived(frame);
  }

  #lend(frames: readonly CachedFrame[], { offset, length }: BlobRange): Lent | Promise<never> {
    const letGo = (): void => this.#letGo(frames);
    const parts: Uint8Array[] = [];
    for (const frame of frames) {
      const { id, number, bytes } = frame;
      const start = Math.max(0, offset - number * FRAME_BYTES);
      const end = Math.min(FRAME_BYTES, offset + length - number * FRAME_BYTES);
      if (end > bytes.length) {
        letGo();
        return Promise.reject(new Fault('corrupt', 'blob', `blob ${id} ends before ${offset + length}`));
      }
      noteReuse(frame, start, end);
      parts.push(bytes.subarray(start, end));
    }
    return { parts, letGo };
  }

  #letGo(frames: readonly CachedFrame[]): void {
    for (const { slab } of frames) if (slab !== undefined) this.#slabs.letGo(slab);
  }
}

/** Reading on where the last reader stopped is the first use going on, not a second one. */
function noteReuse(frame: CachedFrame, start: number, end: number): void {
  if (start < frame.readTo) frame.reuses += 1;
  frame.readTo = Math.max(frame.readTo, end);
}
