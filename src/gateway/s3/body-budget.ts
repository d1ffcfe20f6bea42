import assert from 'node:assert/strict';
import { BODY_CONTENT_SHARE_MAX } from '../../limits/s3.ts';

/** In bytes. */
export interface BodyBudgetLimits {
  readonly bytesMax: number;
  readonly bytesPerPeerMax: number;
}

/**
 * How much of the bounds may be in use, by all purposes together, when this one takes more. Content goes on in small pieces when it
 * is refused; a document, which has to be in memory as a whole, is refused altogether, so some room is left for those alone.
 */
const shares = { content: BODY_CONTENT_SHARE_MAX, document: 1 } as const;

/** What bytes are wanted for, and whom they are counted for. */
export interface BodyClaim {
  readonly peer: string;
  readonly purpose: keyof typeof shares;
}

/**
 * Bytes of request and answer bodies that may be in memory for all clients together, beyond the small pieces that each request
 * may have anyway. Nobody waits for it: who is refused goes on in small pieces, slower but no less surely, so there is no queue
 * to stand in and no circle to wait in. Documents are refused instead.
 */
export class BodyBudget {
  readonly #limits: BodyBudgetLimits;
  readonly #byPeer = new Map<string, number>();
  #bytes = 0;
  #refusals = 0;

  constructor(limits: BodyBudgetLimits) {
    this.#limits = limits;
  }

  /** Bytes taken by all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How often somebody found no room since the start. */
  get refusals(): number {
    return this.#refusals;
  }

  /** False, and nothing is taken: there is not so much left, in all or for this peer. */
  take(claim: BodyClaim, bytes: number): boolean {
    if (this.isShort(claim, bytes)) {
      this.#refusals += 1;
      return false;
    }
    this.#bytes += bytes;
    this.#byPeer.set(claim.peer, this.#ofPeer(claim.peer) + bytes);
    return true;
  }

  /** Of what was taken for a peer, as much as that or less. */
  giveBack(peer: string, bytes: number): void {
    this.#bytes -= bytes;
    const left = this.#ofPeer(peer) - bytes;
    assert(left >= 0, 'what is given back was taken');
    if (left === 0) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, left);
  }

  /** Whether `take` would refuse. */
  isShort({ peer, purpose }: BodyClaim, bytes: number): boolean {
    const { bytesMax, bytesPerPeerMax } = this.#limits;
    const share = shares[purpose];
    return this.#bytes + bytes > bytesMax * share || this.#ofPeer(peer) + bytes > bytesPerPeerMax * share;
  }

  #ofPeer(peer: string): number {
    return this.#byPeer.get(peer) ?? 0;
  }
}
