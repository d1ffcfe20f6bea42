import type { ServerLimits } from './limits.ts';

/** How much may be held for peers. Bytes. */
export interface PoolLimits {
  /** For all of them together. */
  readonly bytesMax: number;
  /** For all connections of one address. */
  readonly bytesPerAddressMax: number;
  /** What a connection may hold without drawing on the pool: whoever empties it leaves the others so much. */
  readonly ownBytesMax: number;
}

/** The two pools of a server. Requests never wait for requests, nor replies for replies: see `Connection`. */
export const bytePools = (
  limits: ServerLimits,
): { readonly requests: BytePool; readonly replies: BytePool } => ({
  requests: new BytePool({
    bytesMax: limits.requestBytesMax,
    bytesPerAddressMax: limits.requestBytesPerAddressMax,
    ownBytesMax: limits.ownBytesMax,
  }),
  replies: new BytePool({
    bytesMax: limits.replyBytesMax,
    bytesPerAddressMax: limits.replyBytesPerAddressMax,
    ownBytesMax: limits.ownBytesMax,
  }),
});

type Room = 'yes' | 'pool-full' | 'address-full';

interface Waiter {
  readonly more: number;
  readonly go: () => void;
}

interface Account {
  readonly address: string;
  bytes: number;
  shares: number;
  /** First come, first served. */
  readonly waiting: Map<Share, Waiter>;
}

/**
 * A bound on the bytes that are held for all peers, with a share for each address. It counts; it allocates nothing. Who finds no
 * room waits: the address that holds least comes first, so a crowd from elsewhere does not stand before a single client.
 */
export class BytePool {
  readonly limits: PoolLimits;
  readonly #accounts = new Map<string, Account>();
  /** Those of whom somebody waits. */
  readonly #waiting = new Set<Account>();
  #bytes = 0;
  /** Whether somebody waits for the pool itself: later comers must not take what is being saved up for him. */
  #isShort = false;
  #isWaking = false;
  #favoured: Share | undefined;

  constructor(limits: PoolLimits) {
    this.limits = limits;
  }

  /** Bytes drawn by all. May exceed the bound by what was held before anyone could ask. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether anyone waits for room. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** The share of one connection; to be closed with it. */
  open(address: string): Share {
    const account = this.#accounts.get(address) ?? { address, bytes: 0, shares: 0, waiting: new Map() };
    account.shares += 1;
    this.#accounts.set(address, account);
    return new Share(this, account);
  }

  /** For `Share`. */
  draw(account: Account, change: number): void {
    this.#bytes += change;
    account.bytes += change;
    if (change < 0 && this.#waiting.size > 0) this.#wakeSoon();
  }

  /** For `Share`. */
  hasRoom(share: Share, account: Account, more: number): boolean {
    if (more <= 0) return true;
    if (this.#isShort && this.#favoured !== share) return false;
    return this.#room(account, more) === 'yes';
  }

  isOver(account: Account): boolean {
    return this.#bytes > this.limits.bytesMax || account.bytes > this.limits.bytesPerAddressMax;
  }

  /** For `Share`. */
  enqueue(share: Share, account: Account, waiter: Waiter): void {
    account.waiting.set(share, waiter);
    this.#waiting.add(account);
    if (this.#room(account, waiter.more) === 'pool-full') this.#isShort = true;
    else this.#wakeSoon();
  }

  /** For `Share`. Whoever comes behind may be the first now. */
  dequeue(share: Share, account: Account): void {
    if (!account.waiting.delete(share)) return;
    if (account.waiting.size === 0) this.#waiting.delete(account);
    this.#wakeSoon();
  }

  /** For `Share`. */
  leave(share: Share, account: Account): void {
    account.shares -= 1;
    if (account.shares === 0) this.#accounts.delete(account.address);
    this.dequeue(share, account);
  }

  #room(account: Account, more: number): Room {
    if (account.bytes + more > this.limits.bytesPerAddressMax) return 'address-full';
    return this.#bytes + more > this.limits.bytesMax ? 'pool-full' : 'yes';
  }

  /** Not at once: who gives back is in the middle of something. */
  #wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    queueMicrotask(() => {
      this.#isWaking = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#isShort = false;
    const full = new Set<Account>();
    for (let account = this.#next(full); account !== undefined; account = this.#next(full)) {
      const [share, waiter] = account.waiting.entries().next().value!;
      const room = this.#room(account, waiter.more);
      if (room === 'pool-full') {
        this.#isShort = true;
        return;
      }
      if (room === 'address-full') full.add(account);
      else this.#serve(account, share, waiter);
    }
  }

  /** The account that holds least, of those that wait and have not used up their share. */
  #next(full: ReadonlySet<Account>): Account | undefined {
    let least: Account | undefined;
    for (const account of this.#waiting) {
      if (!full.has(account) && (least === undefined || account.bytes < least.bytes)) least = account;
    }
    return least;
  }

  #serve(account: Account, share: Share, { go }: Waiter): void {
    account.waiting.delete(share);
    if (account.waiting.size === 0) this.#waiting.delete(account);
    this.#favoured = share;
    go();
    this.#favoured = undefined;
  }
}

/** What one connection holds, and draws on its pool. */
export class Share {
  readonly account: Account;
  readonly #pool: BytePool;
  #held = 0;
  #isClosed = false;

  constructor(pool: BytePool, account: Account) {
    this.#pool = pool;
    this.account = account;
  }

  /** Says how many bytes are held now, in all. */
  hold(bytes: number): void {
    if (this.#isClosed) return;
    const change = this.#drawn(bytes) - this.#drawn(this.#held);
    this.#held = bytes;
    if (change !== 0) this.#pool.draw(this.account, change);
  }

  /** Whether `more` bytes may be held besides. */
  fits(more: number): boolean {
    return this.#pool.hasRoom(this, this.account, this.#drawn(this.#held + more) - this.#drawn(this.#held));
  }

  /** Calls `go` once, in some later turn, when `more` bytes fit, unless closed first. One wish at a time: a new one replaces it. */
  wait(more: number, go: () => void): void {
    if (this.#isClosed) return;
    const needed = this.#drawn(this.#held + more) - this.#drawn(this.#held);
    this.#pool.enqueue(this, this.account, { more: needed, go });
  }

  waitNoMore(): void {
    this.#pool.dequeue(this, this.account);
  }

  /** Whether this holder draws on a pool, or on the share of an address, of which more is drawn than there is. */
  get isOver(): boolean {
    return this.isDrawing && this.#pool.isOver(this.account);
  }

  get isDrawing(): boolean {
    return this.#drawn(this.#held) > 0;
  }

  /** Whether it draws on what others wait for. */
  get isWanted(): boolean {
    return this.#pool.isAwaited && this.isDrawing;
  }

  /** Gives everything back. */
  close(): void {
    if (this.#isClosed) return;
    this.hold(0);
    this.#isClosed = true;
    this.#pool.leave(this, this.account);
  }

  #drawn(held: number): number {
    return Math.max(0, held - this.#pool.limits.ownBytesMax);
  }
}
