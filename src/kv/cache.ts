import { KV_CACHE_VALUE_BYTES_MAX } from '../limits.ts';
import type { KeyText } from './key-text.ts';
import type { Value } from './kv.ts';

interface Cached {
  readonly text: KeyText;
  /** `undefined`: known to be absent. */
  value: Value | undefined;
  bytes: number;
  isVisited: boolean;
}

/** What V8 keeps for one entry beside the bytes of key and value: map slot, string, object, typed array. */
const OVERHEAD_BYTES = 256;

/** What V8 keeps together with its typed array, rather than in memory beside it. */
const ON_HEAP_BYTES_MAX = 64;

/**
 * The latest committed value of hot keys, or their absence. Bounded by bytes; evicts by SIEVE (Zhang et al., NSDI 2024):
 * a hand walks from the oldest entry to the newest, spares once what was read since its last visit and removes the rest,
 * so a pass over cold keys does not push out the hot ones. The map's own insertion order is the queue and a live
 * iterator over it is the hand.
 */
export class RecordCache {
  readonly #entries = new Map<KeyText, Cached>();
  readonly #bytesMax: number;
  #bytes = 0;
  #hand: Iterator<Cached> = this.#entries.values();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  find(text: KeyText): { readonly value: Value | undefined } | undefined {
    const found = this.#entries.get(text);
    if (found !== undefined) found.isVisited = true;
    return found;
  }

  put(text: KeyText, value: Value | undefined): void {
    const length = value === undefined ? 0 : value.length;
    if (length > KV_CACHE_VALUE_BYTES_MAX) {
      this.#remove(text);
      return;
    }
    const kept = value === undefined ? undefined : compact(value);
    const bytes = text.length + length + OVERHEAD_BYTES;
    const found = this.#entries.get(text);
    if (found === undefined) {
      this.#entries.set(text, { text, value: kept, bytes, isVisited: false });
      this.#bytes += bytes;
    } else {
      this.#bytes += bytes - found.bytes;
      found.value = kept;
      found.bytes = bytes;
    }
    while (this.#bytes > this.#bytesMax) this.#evict();
  }

  #remove(text: KeyText): void {
    const found = this.#entries.get(text);
    if (found === undefined) return;
    this.#entries.delete(text);
    this.#bytes -= found.bytes;
  }

  /** Ends: the hand clears every mark that it passes, so its second round finds one without. */
  #evict(): void {
    for (;;) {
      const next = this.#hand.next();
      if (next.done === true) this.#hand = this.#entries.values();
      else if (next.value.isVisited) next.value.isVisited = false;
      else {
        this.#remove(next.value.text);
        return;
      }
    }
  }
}

/** A copy where `value` is a small part of a larger allocation, which the cache would otherwise keep alive. */
function compact(value: Value): Value {
  // A small array of its own lies in V8's heap: to ask for its buffer would move it out of there.
  if (value.length <= ON_HEAP_BYTES_MAX && value.byteOffset === 0 && !Buffer.isBuffer(value)) return value;
  return value.buffer.byteLength > 2 * value.length + 64 ? new Uint8Array(value) : value;
}
