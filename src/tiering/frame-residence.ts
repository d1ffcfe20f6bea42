import { FRAME_REUSES_MAX, GHOST_FRAMES_MAX } from '../limits.ts';
import type { BlobId } from './blobs.ts';
import { FrameQueue, type Queued } from './frame-queue.ts';
import type { Slab } from './slabs.ts';

/** A frame in memory. */
export interface CachedFrame extends Queued {
  readonly id: BlobId;
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The memory that `bytes` are a view of; `undefined`: memory of their own. */
  readonly slab: Slab | undefined;
  /** How far into the frame somebody has read. */
  readTo: number;
  /** How often something of it was read again. */
  reuses: number;
}

/** Share of the memory for frames that nobody has read twice: what is brought ahead of readers must find room in it. */
const PROBATION_SHARE = 0.25;

/**
 * Which frames stay in memory: S3-FIFO (Yang et al., SOSP 2023). What is new stays shortly and is kept when it is read
 * again in that time or soon after, so that one pass over a large file does not push out what is in use.
 */
export class FrameResidence {
  readonly #bytesMax: number;
  readonly #gone: (frame: CachedFrame) => void;
  readonly #frames = new Map<BlobId, Map<number, CachedFrame>>();
  readonly #probation = new FrameQueue<CachedFrame>();
  readonly #kept = new FrameQueue<CachedFrame>();
  /** Frames that have left the probation unread, oldest first. */
  readonly #ghosts = new Set<string>();

  /** `gone` is told of each frame that has left. */
  constructor(bytesMax: number, gone: (frame: CachedFrame) => void) {
    this.#bytesMax = bytesMax;
    this.#gone = gone;
  }

  get bytes(): number {
    return this.#probation.weight + this.#kept.weight;
  }

  get(id: BlobId, number: number): CachedFrame | undefined {
    return this.#frames.get(id)?.get(number);
  }

  /** One that is not there. It may be gone when this returns. */
  add(frame: CachedFrame): void {
    const { id, number } = frame;
    const ofBlob = this.#frames.get(id);
    if (ofBlob === undefined) this.#frames.set(id, new Map([[number, frame]]));
    else ofBlob.set(number, frame);
    const wasMissed = this.#ghosts.delete(nameOf(frame));
    (wasMissed ? this.#kept : this.#probation).add(frame);
    while (this.bytes > this.#bytesMax) this.#makeRoom();
  }

  /** Takes a frame out, or moves one: of each a bounded number of times. */
  #makeRoom(): void {
    const isProbationFull = this.#probation.weight > this.#bytesMax * PROBATION_SHARE;
    const fromProbation = isProbationFull || this.#kept.weight === 0 ? this.#probation.take() : undefined;
    if (fromProbation !== undefined) {
      if (fromProbation.reuses > 0) this.#keep(fromProbation, 0);
      else {
        this.#remember(nameOf(fromProbation));
        this.#drop(fromProbation);
      }
      return;
    }
    const frame = this.#kept.take();
    if (frame === undefined) return;
    if (frame.reuses > 0) this.#keep(frame, Math.min(frame.reuses, FRAME_REUSES_MAX) - 1);
    else this.#drop(frame);
  }

  #keep(frame: CachedFrame, reuses: number): void {
    frame.reuses = reuses;
    this.#kept.add(frame);
  }

  #drop(frame: CachedFrame): void {
    const ofBlob = this.#frames.get(frame.id);
    ofBlob?.delete(frame.number);
    if (ofBlob?.size === 0) this.#frames.delete(frame.id);
    this.#gone(frame);
  }

  #remember(name: string): void {
    this.#ghosts.add(name);
    if (this.#ghosts.size <= GHOST_FRAMES_MAX) return;
    const oldest = this.#ghosts.values().next();
    if (oldest.done !== true) this.#ghosts.delete(oldest.value);
  }
}

const nameOf = ({ id, number }: CachedFrame): string => `${id}:${number}`;
