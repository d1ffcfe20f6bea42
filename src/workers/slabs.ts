import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import { POOL_CALLERS_WAITING_MAX, POOL_SLAB_BYTES_MAX, POOL_SLAB_KEPT_BYTES_MAX } from '../limits.ts';

/** Slabs are made in powers of two from this on, so that they fit other jobs too. */
const slabBytesMin = 1 << 20;

/** Memory that the input of a job is laid out in, where workers see it without a copy. */
export class Slab {
  readonly memory: SharedArrayBuffer;
  #filled = 0;

  constructor(bytes: number) {
    this.memory = new SharedArrayBuffer(bytes);
  }

  /** `bytes` as shared memory: copied, unless they are that already. */
  share(bytes: Uint8Array): Uint8Array {
    if (isShared(bytes)) return bytes;
    assert(this.#filled + bytes.length <= this.memory.byteLength);
    const view = new Uint8Array(this.memory, this.#filled, bytes.length);
    view.set(bytes);
    this.#filled += bytes.length;
    return view;
  }

  empty(): void {
    this.#filled = 0;
  }
}

export const isShared = (bytes: Uint8Array): boolean => bytes.buffer instanceof SharedArrayBuffer;

/** At most `slabsMax` slabs at a time; who wants another one waits in line. */
export class Slabs {
  readonly #slabsMax: number;
  readonly #free: Slab[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(slabsMax: number) {
    this.#slabsMax = slabsMax;
  }

  /** Runs `work` with a slab of at least `bytes`. Fault('throttled', 'store') when too many wait already. */
  async with<T>(bytes: number, work: (slab: Slab) => Promise<T>): Promise<T> {
    assert(bytes <= POOL_SLAB_BYTES_MAX, `a job of ${bytes} bytes`);
    if (this.#taken < this.#slabsMax) this.#taken += 1;
    else await this.#turn();
    const slab = this.#take(bytes);
    try {
      return await work(slab);
    } finally {
      this.#give(slab);
    }
  }

  /** Resolves when another job ends, whose right to a slab passes on. */
  #turn(): Promise<void> {
    if (this.#waiting.length >= POOL_CALLERS_WAITING_MAX) {
      throw new Fault('throttled', 'store', 'too many background jobs wait for a worker');
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(bytes: number): Slab {
    const index = this.#free.findIndex(({ memory }) => memory.byteLength >= bytes);
    const [found] = index < 0 ? [] : this.#free.splice(index, 1);
    if (found === undefined) this.#free.pop();
    return found ?? new Slab(Math.max(slabBytesMin, 2 ** Math.ceil(Math.log2(Math.max(1, bytes)))));
  }

  #give(slab: Slab): void {
    slab.empty();
    if (slab.memory.byteLength <= POOL_SLAB_KEPT_BYTES_MAX && this.#free.length < this.#slabsMax) {
      this.#free.push(slab);
    }
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}
