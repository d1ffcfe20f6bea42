import { createCipheriv } from 'node:crypto';
import type { Random } from '../../src/environment.ts';

/** No content, a few bytes, what fits a row and what does not, a page, several frames, and now and then several blobs. */
const lengths = [0, 1, 70, 900, 4096, 4096, 9000, 16_384, 16_385, 40_000, 65_536, 150_000, 300_000] as const;
const longBytesMax = 2_500_000;
/** One of so many contents is long. */
const longEvery = 40;

/** Which content it is: no two makers, and no two counts of one, make the same. */
export interface ContentName {
  readonly maker: number;
  readonly count: number;
  readonly length: number;
}

/** A third of it can be compressed: reduction keeps some chunks as they are and packs others. */
export function contentOf({ maker, count, length }: ContentName): Uint8Array {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(maker, 0);
  key.writeUInt32BE(count, 4);
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
  return count % 3 === 0 ? bytes.fill(`so well compressed ${count}`, length >> 1) : bytes;
}

/** Contents of which no two are alike, so that one that turns up in the wrong place, or too late, is seen. */
export class Contents {
  readonly #random: Random;
  readonly #maker: number;
  #count = 0;

  constructor(random: Random, maker: number) {
    this.#random = random;
    this.#maker = maker;
  }

  next(length = this.#length()): Uint8Array {
    return contentOf(this.nextName(length));
  }

  nextName(length: number): ContentName {
    return { maker: this.#maker, count: (this.#count += 1), length };
  }

  #length(): number {
    if (this.#random.below(longEvery) === 0) return this.#random.below(longBytesMax);
    return lengths[this.#random.below(lengths.length)] ?? 0;
  }
}
