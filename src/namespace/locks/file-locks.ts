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
  /** What owners know that they have. */
  held: readonly Held[] = [];
  waiters: readonly Waiter[] = [];
  shares: readonly Share[] = [];
  /**
   * What waiters were given and have not said that they know of, in that order. It keeps others out beside what its owner had
   * before, and takes its place only when the owner knows: until then the owner may rely on either.
   */
  readonly untold = new Set<Waiter>();

  get isEmpty(): boolean {
    return this.#ranges().length === 0 && this.waiters.length === 0 && this.shares.length === 0;
  }

  /** The first in the file that keeps `wanted` from being had. */
  obstacle(wanted: Held): Held | undefined {
    let first: Held | undefined;
    for (const held of this.#ranges())
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

  /** A waiter gets its lock, which nobody keeps from it; it does not know yet. */
  give(waiter: Waiter): void {
    this.dequeue(waiter);
    this.untold.add(waiter);
  }

  /** Its owner knows of the lock. */
  confirm(grant: Waiter): void {
    if (this.untold.delete(grant)) this.held = this.afterTaking(grant);
  }

  /** The owner acts on the range, so it knows what it has there. */
  settle(owner: string, range: ByteRange): void {
    for (const grant of this.untold) if (grant.owner === owner && overlaps(grant, range)) this.confirm(grant);
  }

  findUntold(wanted: Held): Waiter | undefined {
    return [...this.untold].find((grant) => isSame(grant, wanted));
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
    for (const grant of this.untold) if (grant.client === client) this.untold.delete(grant);
    return this.held.filter((held) => held.client !== client);
  }

  #holdsAny(owner: string): boolean {
    return this.#ranges().some((held) => held.owner === owner);
  }

  #ranges(): readonly Held[] {
    return this.untold.size === 0 ? this.held : [...this.held, ...this.untold];
  }
}
