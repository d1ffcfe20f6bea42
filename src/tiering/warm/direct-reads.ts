import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { WARM_DIRECT_SLOT_BYTES, WARM_DIRECT_SLOTS } from '../../limits/tiering.ts';

/** Of WebAssembly only this is used; the types of Node do not know it. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};
const WASM_PAGE_BYTES = 65_536;

/**
 * Reads files past the page cache, so that what is compared is what lies on the medium. O_DIRECT wants memory that begins at a
 * page: buffers of Node do not, the memory of WebAssembly always does. What is read is copied out of it.
 */
export class DirectReads {
  readonly #slots: Uint8Array[];
  readonly #waiting: ((slot: Uint8Array) => void)[] = [];

  constructor() {
    const pages = (WARM_DIRECT_SLOTS * WARM_DIRECT_SLOT_BYTES) / WASM_PAGE_BYTES;
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#slots = Array.from(
      { length: WARM_DIRECT_SLOTS },
      (_, index) => new Uint8Array(buffer, index * WARM_DIRECT_SLOT_BYTES, WARM_DIRECT_SLOT_BYTES),
    );
  }

  /** All of a file of at most `bytesMax`, or that much of it and a byte more. */
  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    const handle = await openDirect(path);
    try {
      const { size } = await handle.stat();
      const target = Buffer.allocUnsafeSlow(Math.min(size, bytesMax + 1));
      const length = await this.#fill(handle, target);
      return target.subarray(0, length);
    } finally {
      await handle.close();
    }
  }

  async #fill(handle: FileHandle, target: Uint8Array): Promise<number> {
    const slot = this.#slots.pop() ?? (await new Promise<Uint8Array>((take) => this.#waiting.push(take)));
    try {
      let at = 0;
      while (at < target.length) {
        const { bytesRead } = await handle.read(slot, 0, slot.length, at);
        const piece = slot.subarray(0, Math.min(bytesRead, target.length - at));
        target.set(piece, at);
        at += piece.length;
        // A direct read goes on at a page only: a short one was the last.
        if (bytesRead < slot.length) break;
      }
      return at;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#slots.push(slot);
      else next(slot);
    }
  }
}

/** Some file systems have no direct reads: then what is read may come from a cache. */
const openDirect = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | (constants.O_DIRECT ?? 0)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EINVAL') throw cause;
    return open(path, 'r');
  });
