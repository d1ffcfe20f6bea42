import type { Random } from '../../environment.ts';

const poolBytes = 4096;
const idBytes = 8;

/** Identifiers of answers. Random ones are drawn in bulk: one draw would cost more than the rest of a HEAD. */
export class RequestIds {
  /** x-amz-id-2: names the gateway process. */
  readonly host: string;
  readonly #random: Random;
  #pool = '';
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
    this.host = Buffer.from(random.bytes(48)).toString('base64');
  }

  /** x-amz-request-id: 16 upper-case characters. */
  next(): string {
    if (this.#at === this.#pool.length) {
      this.#pool = Buffer.from(this.#random.bytes(poolBytes)).toString('hex').toUpperCase();
      this.#at = 0;
    }
    const id = this.#pool.slice(this.#at, this.#at + idBytes * 2);
    this.#at += idBytes * 2;
    return id;
  }
}
