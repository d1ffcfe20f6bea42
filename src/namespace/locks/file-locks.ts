import type { LockClient, LockRequest, LockWait, ShareBits } from './locks.ts';
import { conflicts, overlaps, withoutRange, withRange, type ByteRange, type OwnedRange } from './ranges.ts';
import { clientText } from './records.ts';

/** A range with who has it, as it is shown to others. */
export interface Held extends OwnedRange {
  readonly request: LockRequest;
  /** Key of its client. */
  readonly client: string;
}

/** One who waits, in the order of arrival. */
export interface Waiter extends Held {
  readonly wait: LockWait;
}

/** A lock that a waiter was given and has not said that it knows of. */
export interface UntoldGrant {
  readonly waiter: Waiter;
  /** What its owner had in the range before. */
  readonly before: readonly Held[];
}

interface Share {
  readonly owner: string;
  readonly client: LockClient;
  readonly access: ShareBits;
  readonly denies: ShareBits;
}

export const ownerText = ({ owner }: Pick<LockRequest, 'owner'>): string =>
  `${clientText(owner.client)} ${owner.processId} ${Buffer.from(owner.token).toString('hex')}`;

export const rangeOf = ({ offset, length }: Pick<LockRequest, 'offset' | 'length'>): ByteRange => ({
  start: offset,
  end: length === 0 || offset + length > Number.MAX_SAFE_INTEGER ? Infinity : offset + length,
});

export const heldOf = (request: LockRequest): Held => ({
  ...rangeOf(request),
  owner: ownerText(request),
  client: clientText(request.owner.client),
  isExclusive: request.isExclusive,
  request,
});

const isSame = (a: Held, b: Held): boolean =>
  a.owner === b.owner && a.start === b.start && a.end === b.end && a.isExclusive === b.isExclusive;
const intersects = (a: ShareBits, b: ShareBits): boolean => (a.read && b.read) || (a.write && b.write);

/** Locks, waiters and shares of one file. Pure bookkeeping: bounds, time and messages are the table's. */
export class FileLocks {
  held: readonly Held[] = [];
  waiters: readonly Waiter[] = [];
  shares: readonly Share[] = [];
  readonly untold = new Set<UntoldGrant>();

  get isEmpty(): boolean {
    return this.held.length === 0 && this.waiters.length === 0 && this.shares.length === 0;
  }

  /** The first in the file that keeps `wanted` from being had. */
  obstacle(wanted: Held): Held | undefined {
    let first: Held | undefined;
    for (const held of this.held)
      if (conflicts(held, wanted) && (first === undefined || held.start < first.start)) first = held;
    return first;
  }

  /**
   * Whether who is ready to wait has to stand behind somebody that waits already, so that readers who come and go cannot keep a
   * writer out. Who has a lock of the file already passes: the others may be waiting for just that.
   */
  mustQueue(wanted: Held, ahead: readonly Waiter[] = this.waiters): boolean {
    return ahead.some((waiter) => conflicts(waiter, wanted)) && !this.#holdsAny(wanted.owner);
  }

  afterTaking(wanted: Held): readonly Held[] {
    return withRange(this.held, wanted);
  }

  afterGivingBack(owner: string, range: ByteRange): readonly Held[] {
    return withoutRange(this.held, owner, range);
  }

  /** Adds a waiter, or renews the place of the same one: clients ask again from time to time. */
  enqueue(waiter: Waiter): void {
    const index = this.waiters.findIndex((other) => isSame(other, waiter));
    this.waiters = index < 0 ? [...this.waiters, waiter] : this.waiters.with(index, waiter);
  }

  isWaiting(wanted: Held): boolean {
    return this.waiters.some((waiter) => isSame(waiter, wanted));
  }

  /** Whether it was waiting. */
  dequeue(wanted: Held): boolean {
    const left = this.waiters.filter((waiter) => !isSame(waiter, wanted));
    const wasThere = left.length < this.waiters.length;
    this.waiters = left;
    return wasThere;
  }

  /** The first waiter who could have the lock now and passes nobody. */
  next(): Waiter | undefined {
    return this.waiters.find(
      (waiter, index) =>
        this.obstacle(waiter) === undefined && !this.mustQueue(waiter, this.waiters.slice(0, index)),
    );
  }

  /** The owner acts on the range, so it knows what it has there. */
  settle(owner: string, range: ByteRange): void {
    for (const grant of this.untold)
      if (grant.waiter.owner === owner && overlaps(grant.waiter, range)) this.untold.delete(grant);
  }

  findUntold(wanted: Held): UntoldGrant | undefined {
    return [...this.untold].find(({ waiter }) => isSame(waiter, wanted));
  }

  /** As if the grant had never been. */
  afterUndoing({ waiter, before }: UntoldGrant): readonly Held[] {
    return before.reduce<readonly Held[]>(
      (held, range) => withRange(held, range),
      withoutRange(this.held, waiter.owner, waiter),
    );
  }

  /** Parts of the owner's ranges that lie in `range`. */
  ownIn(owner: string, range: ByteRange): readonly Held[] {
    return this.held
      .filter((held) => overlaps(held, range) && held.owner === owner)
      .map((held) => ({
        ...held,
        start: Math.max(held.start, range.start),
        end: Math.min(held.end, range.end),
      }));
  }

  /** Adds or replaces; false when somebody else denies it, or has what it denies. */
  takeShare(share: Share): boolean {
    const others = this.shares.filter(({ owner }) => owner !== share.owner);
    const isFree = others.every(
      (other) => !intersects(other.denies, share.access) && !intersects(other.access, share.denies),
    );
    if (isFree) this.shares = [...others, share];
    return isFree;
  }

  dropShare(owner: string): void {
    this.shares = this.shares.filter((share) => share.owner !== owner);
  }

  /** What stays when a client goes. */
  dropClient(client: string): readonly Held[] {
    this.waiters = this.waiters.filter((waiter) => waiter.client !== client);
    this.shares = this.shares.filter((share) => clientText(share.client) !== client);
    for (const grant of this.untold) if (grant.waiter.client === client) this.untold.delete(grant);
    return this.held.filter((held) => held.client !== client);
  }

  #holdsAny(owner: string): boolean {
    return this.held.some((held) => held.owner === owner);
  }
}
