import { ROOMS_BYTES_MAX } from '../limits.ts';

/** Memory of rooms that somebody who was given up may still write to. */
const lostMemory = new WeakSet<ArrayBufferLike>();

/** Nobody gets this room any more: who was to fill it has been given up, and may fill it yet. */
export function loseRoom(room: Uint8Array): void {
  lostMemory.add(room.buffer);
}

/** The smallest room; sizes double from here on. */
const ROOM_BYTES_MIN = 64 << 10;

/**
 * Memory for bytes on their way that is used again: who allocates a MiB for each read makes the collector of JavaScript
 * go through its whole heap after each few dozen of them. Rooms are lent for the time of one function and no longer.
 */
export class Rooms {
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;

  /** Runs `use` with a room of at least `bytes`, which is nobody's when that has settled. Its content is anything. */
  async lend<Result>(bytes: number, use: (room: Uint8Array) => Promise<Result>): Promise<Result> {
    const size = sizeOf(bytes);
    const room = this.#take(size);
    try {
      return await use(room);
    } finally {
      this.#give(size, room);
    }
  }

  #take(size: number): Uint8Array {
    const room = this.#idle.get(size)?.pop();
    if (room === undefined) return Buffer.allocUnsafeSlow(size);
    this.#idleBytes -= size;
    return room;
  }

  #give(size: number, room: Uint8Array): void {
    if (this.#idleBytes + size > ROOMS_BYTES_MAX || lostMemory.has(room.buffer)) return;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [room]);
    else idle.push(room);
    this.#idleBytes += size;
  }
}

/** A quarter more than a power of two: what is read is often one, with something beside it. */
function sizeOf(bytes: number): number {
  let size = ROOM_BYTES_MIN;
  while (size + size / 4 < bytes) size *= 2;
  return size + size / 4;
}
