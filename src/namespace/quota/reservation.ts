import { growth, type Hold, type Ledger } from './ledger.ts';
import type { Owned, Owner } from './usage.ts';

/** Room for what one owner has written and no commit has counted yet. */
export class Reservation {
  readonly #ledger: Ledger;
  readonly #owner: Owner;
  #bytes = 0n;
  #hold: Hold | undefined;

  constructor(ledger: Ledger, owner: Owner) {
    this.#ledger = ledger;
    this.#owner = owner;
  }

  /** Fault('quota-exceeded', 'bucket') when there is none; what it has it keeps. */
  grow(bytes: number): void {
    if (bytes === 0) return;
    this.#ledger.require([{ owner: this.#owner, bytes: BigInt(bytes), inodes: 0n }]);
    this.#set(this.#bytes + BigInt(bytes));
  }

  /** So many bytes are committed. */
  shrink(bytes: number): void {
    if (bytes <= 0) return;
    this.#set(this.#bytes - BigInt(bytes));
  }

  /** What it keeps. */
  owned(): Owned {
    return { owner: this.#owner, bytes: this.#bytes, inodes: 0n };
  }

  release(): void {
    this.#set(0n);
  }

  #set(bytes: bigint): void {
    if (this.#hold !== undefined) this.#ledger.release(this.#hold);
    this.#bytes = growth(bytes);
    this.#hold = this.#bytes === 0n ? undefined : this.#ledger.hold([this.owned()]);
  }
}
