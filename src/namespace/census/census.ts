import type { Clock, Time } from '../../environment.ts';
import type { Kv, KvTransaction } from '../../kv/kv.ts';
import {
  CENSUS_EXTENTS_PER_UNIT,
  CENSUS_INODES_PER_UNIT,
  CENSUS_NOW_UNITS_MAX,
  CENSUS_PASS_MS_MIN,
  CENSUS_PASS_REST_FACTOR,
  PAGE_ENTRIES_MAX,
} from '../../limits.ts';
import type { Blobs } from '../../tiering/blobs.ts';
import {
  allShares,
  endOfExtentKey,
  extentRange,
  inodeKey,
  inodesAfter,
  inoOfInodeKey,
  inoOfRecountKey,
  recountKey,
  recountsAfter,
  sharesKey,
} from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { endOf } from '../extents.ts';
import { putInode } from '../put-inode.ts';
import { decodeExtent, decodeInode, NOTHING_BELOW, type BytesBelow, type Inode } from '../records.ts';
import { bytesBelow, isSameBelow, sumBelow } from './bytes-below.ts';
import { addShares, decodeShares, NO_SHARES, type Shares } from './shares.ts';

export interface CensusParts {
  readonly kv: Kv;
  readonly blobs: Pick<Blobs, 'warmestOf'>;
  readonly environment: { readonly clock: Clock };
  readonly savedDrafts: ReadonlySet<Ino>;
}

export interface TierCensus {
  readonly tiers: Shares;
  /** False: some of it is being counted. */
  readonly isWhole: boolean;
  readonly countedAt: Time;
}

/** A file under way of which not all extents fit into one transaction. */
interface LongCount {
  readonly ino: Ino;
  /** Of the inode, as it was at the beginning: when it is another one at the end, the count was for nothing. */
  readonly row: Uint8Array;
  below: BytesBelow;
  /** End of the last extent that was counted. */
  end: number;
}

interface Pass {
  after: Ino | 0;
  mended: number;
  readonly begunAt: number;
  /** Somebody has said that not all is known; else nothing should be found. */
  readonly isWanted: boolean;
}

const BEGUN = Uint8Array.of(1);

/**
 * What each tier answers for. The sums are rows that change with what they count (ADR 46); the work here is what transactions
 * had to leave open, and a look at every file now and then.
 */
export class Census {
  readonly #parts: CensusParts;
  #turn: Promise<unknown> = Promise.resolve();
  #long: LongCount | undefined;
  #pass: Pass | undefined;
  #restUntil: number;
  #mended = 0;

  constructor(parts: CensusParts) {
    this.#parts = parts;
    this.#restUntil = parts.environment.clock.monotonic() + CENSUS_PASS_MS_MIN;
  }

  /** Of files whose counts the last look at all of them has found wrong, and put right. */
  get mended(): number {
    return this.#mended;
  }

  /** Of one bucket, or of all. */
  async now(bucket?: Ino): Promise<TierCensus> {
    const { kv, environment } = this.#parts;
    const isSettled = await this.#alone(() => this.#settle(CENSUS_NOW_UNITS_MAX));
    const isKnown = (await kv.get(recountKey(0))) === undefined;
    let tiers = NO_SHARES;
    if (bucket !== undefined) {
      const row = await kv.get(sharesKey(bucket));
      if (row !== undefined) tiers = decodeShares(row);
    } else {
      for await (const page of kv.scan(allShares(), { pageEntries: PAGE_ENTRIES_MAX }))
        for (const { value } of page) tiers = addShares(tiers, decodeShares(value));
    }
    return { tiers, isWhole: isSettled && isKnown, countedAt: environment.clock.wall() };
  }

  /** One bounded unit. */
  step(): Promise<'busy' | 'idle'> {
    return this.#alone(async () => {
      const isSettled = await this.#settle(1);
      const isPassing = await this.#passOn();
      return isPassing || !isSettled ? 'busy' : 'idle';
    });
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Counts the files that transactions have left open; true when none is left but drafts, which nobody sees. */
  async #settle(unitsMax: number): Promise<boolean> {
    const { kv, savedDrafts } = this.#parts;
    let left = unitsMax * CENSUS_INODES_PER_UNIT;
    let isSettled = true;
    // A long one ends before another begins: what was counted of it would be lost.
    const endLong = async (): Promise<boolean> => {
      for (; this.#long !== undefined && left > 0; left -= CENSUS_INODES_PER_UNIT)
        isSettled = (await this.#recount(this.#long.ino)) && isSettled;
      return this.#long === undefined;
    };
    if (!(await endLong())) return false;
    for await (const page of kv.scan(recountsAfter(0), { pageEntries: CENSUS_INODES_PER_UNIT })) {
      for (const { key } of page) {
        const ino = inoOfRecountKey(key);
        if (savedDrafts.has(ino)) continue;
        if (left <= 0) return false;
        left -= 1;
        const isDone = await this.#recount(ino);
        if (this.#long === undefined) isSettled = isDone && isSettled;
        else if (!(await endLong())) return false;
      }
    }
    return isSettled;
  }

  /** Some inodes of a pass over all; false when none is under way or due. */
  async #passOn(): Promise<boolean> {
    const pass = (this.#pass ??= await this.#begunPass());
    if (pass === undefined) return false;
    if (this.#long !== undefined) return true;
    const options = { pageEntries: CENSUS_INODES_PER_UNIT };
    for await (const page of this.#parts.kv.scan(inodesAfter(pass.after), options)) {
      for (const { key, value } of page) {
        pass.after = inoOfInodeKey(key);
        if (holdsBlobs(decodeInode(pass.after, value))) await this.#recount(pass.after);
        if (this.#long !== undefined) break;
      }
      return true;
    }
    await this.#endPass(pass);
    return false;
  }

  async #begunPass(): Promise<Pass | undefined> {
    const { kv, environment } = this.#parts;
    const now = environment.clock.monotonic();
    const isWanted = await kv.transact('buffered', async (tx) => {
      if ((await tx.get(recountKey(0))) === undefined) return false;
      // Who finds something from now on writes another row, and another pass follows.
      tx.put(recountKey(0), BEGUN);
      return true;
    });
    if (!isWanted && now < this.#restUntil) return undefined;
    return { after: 0, mended: 0, begunAt: now, isWanted };
  }

  async #endPass({ mended, begunAt, isWanted }: Pass): Promise<void> {
    const { kv, environment } = this.#parts;
    if (isWanted) {
      await kv.transact('durable', async (tx) => {
        const row = await tx.get(recountKey(0));
        if (row !== undefined && Buffer.compare(row, BEGUN) === 0) tx.delete(recountKey(0));
      });
    } else if ((await kv.get(recountKey(0))) === undefined) this.#mended = mended;
    // Else somebody has said meanwhile that not all is known: what was put right may be that, and no mistake.
    this.#pass = undefined;
    const now = environment.clock.monotonic();
    this.#restUntil = now + Math.max(CENSUS_PASS_MS_MIN, CENSUS_PASS_REST_FACTOR * (now - begunAt));
  }

  /** Counts what of a file lies below, and takes it off the list of those that wait for that; false when it is not done. */
  async #recount(ino: Ino): Promise<boolean> {
    const { kv, blobs, savedDrafts } = this.#parts;
    const row = await kv.get(inodeKey(ino));
    const inode = row && decodeInode(ino, row);
    if (row !== undefined && inode?.kind === 'file' && inode.extents === undefined)
      return this.#countOn(inode, row);
    if (this.#long?.ino === ino) this.#long = undefined;
    return kv.transact('buffered', async (tx) => {
      const bytes = await tx.get(inodeKey(ino));
      const now = bytes && decodeInode(ino, bytes);
      if (now === undefined) {
        if (!savedDrafts.has(ino)) tx.delete(recountKey(ino));
        return true;
      }
      // Since the look at it above it has become a long one: next time.
      if (now.extents === undefined) return false;
      await this.#put(tx, now, await bytesBelow({ tx, blobs }, now.extents));
      return true;
    });
  }

  /** The next extents of a file that has very many; false when there are more, or the file has changed. */
  async #countOn(inode: Inode, row: Uint8Array): Promise<boolean> {
    const { kv, blobs } = this.#parts;
    const { ino, contentId } = inode;
    const isKnown = this.#long?.ino === ino && Buffer.compare(this.#long.row, row) === 0;
    const long = isKnown && this.#long ? this.#long : { ino, row, below: NOTHING_BELOW, end: 0 };
    this.#long = long;
    const options = { pageEntries: CENSUS_EXTENTS_PER_UNIT };
    let count = 0;
    for await (const page of kv.scan(extentRange(contentId, long.end), options)) {
      const extents = page.map(({ key, value }) => decodeExtent(endOfExtentKey(key), value));
      long.below = sumBelow(long.below, await bytesBelow({ tx: kv, blobs }, extents));
      long.end = endOf(extents.at(-1) ?? { offset: long.end, length: 0 });
      // A page may be short although more follows: only the scan knows its end.
      count += page.length;
      if (count >= CENSUS_EXTENTS_PER_UNIT) return false;
    }
    this.#long = undefined;
    return kv.transact('buffered', async (tx) => {
      const now = await tx.get(inodeKey(ino));
      const isSame = now !== undefined && Buffer.compare(now, row) === 0;
      // Whatever has moved or changed meanwhile has changed the inode, and what was counted is worth nothing.
      if (isSame) await this.#put(tx, inode, long.below);
      else tx.put(recountKey(ino), new Uint8Array(0));
      return isSame;
    });
  }

  async #put(tx: KvTransaction, inode: Inode, below: BytesBelow): Promise<void> {
    const wasAsked = (await tx.get(recountKey(inode.ino))) !== undefined;
    if (wasAsked) tx.delete(recountKey(inode.ino));
    if (isSameBelow(inode.below, below)) return;
    await putInode(tx, { ...inode, below });
    const pass = this.#pass;
    if (wasAsked || pass === undefined) return;
    tx.whenCommitted(() => {
      pass.mended += 1;
    });
  }
}

const holdsBlobs = ({ kind, extents, below }: Inode): boolean =>
  kind === 'file' && (extents === undefined || extents.length > 0 || !isSameBelow(below, NOTHING_BELOW));
