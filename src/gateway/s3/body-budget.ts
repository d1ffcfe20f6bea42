/** In bytes. */
export interface BodyBudgetLimits {
  readonly bytesMax: number;
  readonly bytesPerPeerMax: number;
}

/** What somebody took. Giving it back twice is giving it back once. */
export interface Hold {
  release(): void;
}

/**
 * Bytes of request and answer bodies that may be in memory for all clients together, beyond the small pieces that each request
 * may have anyway. Nobody waits for it: who is refused goes on in small pieces, slower but no less surely, so there is no queue
 * to stand in and no circle to wait in. Documents, which have to be in memory as a whole, are refused instead.
 */
export class BodyBudget {
  readonly #limits: BodyBudgetLimits;
  readonly #byPeer = new Map<string, number>();
  #bytes = 0;

  constructor(limits: BodyBudgetLimits) {
    this.#limits = limits;
  }

  /** Bytes taken by all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `undefined`: there is not so much left, in all or for this peer. */
  take(peer: string, bytes: number): Hold | undefined {
    const ofPeer = this.#byPeer.get(peer) ?? 0;
    if (this.#bytes + bytes > this.#limits.bytesMax) return undefined;
    if (ofPeer + bytes > this.#limits.bytesPerPeerMax) return undefined;
    this.#bytes += bytes;
    this.#byPeer.set(peer, ofPeer + bytes);
    let isHeld = true;
    return {
      release: () => {
        if (isHeld) this.#giveBack(peer, bytes);
        isHeld = false;
      },
    };
  }

  /** Whether another one of `bytes` would be refused: those who have one are to do with less. */
  isShort(peer: string, bytes: number): boolean {
    const ofPeer = this.#byPeer.get(peer) ?? 0;
    return this.#bytes + bytes > this.#limits.bytesMax || ofPeer + bytes > this.#limits.bytesPerPeerMax;
  }

  #giveBack(peer: string, bytes: number): void {
    this.#bytes -= bytes;
    const left = (this.#byPeer.get(peer) ?? 0) - bytes;
    if (left === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, left);
  }
}
