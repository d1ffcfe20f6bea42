import type { MonotonicMs, Time } from '../environment.ts';
import { DirtyRanges } from './dirty.ts';
import { ForgottenFiles } from './forgotten-files.ts';
import type { Ino } from './namespace.ts';
import type { Reservation } from './quota/reservation.ts';
import type { Inode } from './records.ts';
import type { SharedRuns } from './shared-runs.ts';
import { WeightClasses } from './weight-classes.ts';

/** What a write changes of an inode before it is committed. */
export interface DirtyAttributes {
  readonly size: number;
  readonly mtime: Time;
  readonly ctime: Time;
  readonly contentGeneration: number;
}

/** A file with data that NFS has written and no commit has made durable yet. */
export class OpenFile {
  readonly ino: Ino;
  /** Outlive the write-out: whoever looked at the file before it may still compare generations. */
  attributes: DirtyAttributes;
  /** Written since the last write-out began. */
  dirty = new DirtyRanges();
  /** Being written out; below `dirty`. */
  flushing: DirtyRanges | undefined;
  /** When the oldest of the data that no write-out has taken was written. */
  dirtySince: MonotonicMs;
  /** How many write-outs have ended: tells whether one did while somebody was looking elsewhere. */
  writeOuts = 0;
  /** Its write-outs; made at the first. */
  writing: SharedRuns | undefined;
  /** Who began to write to it: its memory is counted for them. */
  readonly client: string;
  /** Its weight as all have counted it. */
  counted = 0;
  /** For the growth that is not committed yet. */
  readonly reservation: Reservation;

  constructor(
    inode: Inode,
    born: { readonly client: string; readonly now: MonotonicMs; readonly reservation: Reservation },
  ) {
    this.ino = inode.ino;
    this.attributes = inode;
    this.dirtySince = born.now;
    this.client = born.client;
    this.reservation = born.reservation;
  }

  /** What it holds, in bytes of memory. */
  weight(): number {
    return this.dirty.weight() + (this.flushing?.weight() ?? 0);
  }
}

/** What the namespace holds in memory for data that is not durable yet. */
export interface DirtyMemory {
  /** Bytes, with what is needed to find them. */
  readonly bytes: number;
  readonly files: number;
  /** Writers that wait for room now, and how often one had to since the start. */
  readonly waiting: number;
  readonly waits: number;
}

/** The files with dirty data, and one lock for each inode whose content somebody changes or takes a picture of. */
export class OpenFiles {
  readonly forgotten = new ForgottenFiles();
  readonly #files = new Map<Ino, OpenFile>();
  readonly #locks = new Map<Ino, Promise<unknown>>();
  readonly #closed = new Map<Ino, Promise<unknown>>();
  readonly #byClient = new Map<string, ClientShare>();
  readonly #waiters = new Map<string, Promise<unknown>>();
  #weight = 0;
  #reserved = 0;
  readonly #reservedFor = new Map<Ino, number>();
  #waiting = 0;
  #waits = 0;
  readonly #classes = new WeightClasses();
  /** In the order in which they came. */
  readonly #wanting = new Set<RoomWaiter>();
  #isAdmitting = false;

  get(ino: Ino): OpenFile | undefined {
    return this.#files.get(ino);
  }

  add(file: OpenFile): void {
    this.#files.set(file.ino, file);
    this.#share(file.client).files.add(file);
  }

  /** Forgets the file and what it held: its data is durable, or nobody can read it any more. */
  forget(file: OpenFile): void {
    if (this.#files.get(file.ino) === file) this.#files.delete(file.ino);
    this.forgotten.note(file.ino);
    this.account(file, -file.weight());
    file.reservation.release();
    file.dirty = new DirtyRanges();
    file.flushing = undefined;
    this.#byClient.get(file.client)?.files.delete(file);
    this.#tidy(file.client);
  }

  all(): Iterable<OpenFile> {
    return this.#files.values();
  }

  /** Of all, one that holds about as much as any; `undefined`: none but those excepted holds anything. */
  heaviest(except: ReadonlySet<OpenFile>): OpenFile | undefined {
    return this.#classes.heaviest(except);
  }

  /** `heaviest` of a client's. */
  heaviestOf(client: string, except: ReadonlySet<OpenFile>): OpenFile | undefined {
    return this.#byClient.get(client)?.classes.heaviest(except);
  }

  get count(): number {
    return this.#files.size;
  }

  /** What all files hold, in bytes of memory. */
  get weight(): number {
    return this.#weight;
  }

  /** Bytes that were promised to writers who have not written yet. */
  get reserved(): number {
    return this.#reserved;
  }

  /** What a client's files hold, with what is promised to it. */
  weightOf(client: string): number {
    const share = this.#byClient.get(client);
    return share === undefined ? 0 : share.weight + share.reserved;
  }

  memory(): DirtyMemory {
    return { bytes: this.#weight, files: this.#files.size, waiting: this.#waiting, waits: this.#waits };
  }

  /** To be called with every change of a file's weight. */
  account(file: OpenFile, change: number): void {
    const share = this.#share(file.client);
    this.#weight += change;
    share.weight += change;
    const before = file.counted;
    file.counted += change;
    this.#classes.move(file, before, file.counted);
    share.classes.move(file, before, file.counted);
    if (change < 0) this.#admitSoon();
  }

  /** Promised to those who are about to write to a file. */
  reservedFor(ino: Ino): number {
    return this.#reservedFor.get(ino) ?? 0;
  }

  reserve({ ino, client, bytes }: Room): void {
    this.#reserved += bytes;
    this.#reservedFor.set(ino, this.reservedFor(ino) + bytes);
    this.#share(client).reserved += bytes;
  }

  unreserve({ ino, client, bytes }: Room): void {
    this.#reserved -= bytes;
    const left = this.reservedFor(ino) - bytes;
    if (left === 0) this.#reservedFor.delete(ino);
    else this.#reservedFor.set(ino, left);
    this.#share(client).reserved -= bytes;
    this.#tidy(client);
    this.#admitSoon();
  }

  /**
   * Waits, behind all who wait already, until `take` says that it has what it wants, which is asked whenever something was given
   * back. `leave` ends the waiting.
   */
  waitForRoom(take: () => boolean): { readonly come: Promise<void>; readonly leave: () => void } {
    let go = (): void => undefined;
    const come = new Promise<void>((resolve) => (go = resolve));
    const waiter = { take, go };
    this.#wanting.add(waiter);
    return { come, leave: () => void this.#wanting.delete(waiter) };
  }

  hasWaiters(turn: string): boolean {
    return this.#waiters.has(turn);
  }

  /** Runs `work`, which waits for room, when all in the same queue that came before have it. */
  async waiting(turn: string, work: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    this.#waits += 1;
    try {
      await inTurn(this.#waiters, turn, work);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Not at once: who gives back is in the middle of something. */
  #admitSoon(): void {
    if (this.#isAdmitting || this.#wanting.size === 0) return;
    this.#isAdmitting = true;
    queueMicrotask(() => {
      this.#isAdmitting = false;
      for (const waiter of [...this.#wanting]) {
        if (!waiter.take()) continue;
        this.#wanting.delete(waiter);
        waiter.go();
      }
    });
  }

  #share(client: string): ClientShare {
    const known = this.#byClient.get(client);
    if (known !== undefined) return known;
    const share: ClientShare = { files: new Set(), classes: new WeightClasses(), weight: 0, reserved: 0 };
    this.#byClient.set(client, share);
    return share;
  }

  /** A client that holds nothing is forgotten. */
  #tidy(client: string): void {
    const share = this.#byClient.get(client);
    if (share !== undefined && share.files.size === 0 && share.weight === 0 && share.reserved === 0) {
      this.#byClient.delete(client);
    }
  }

  /** Runs `work` when everyone before it on the same inode is done. */
  exclusive<T>(ino: Ino, work: () => Promise<T>): Promise<T> {
    return inTurn(this.#locks, ino, work);
  }

  /** Runs `work`, which waits until nothing is dirty, while who wants to write waits: else a busy writer held it up for ever. */
  withoutNewWriters<T>(ino: Ino, work: () => Promise<T>): Promise<T> {
    return inTurn(this.#closed, ino, work);
  }

  /** Settles when those who keep new writers out now are done; who writes waits for it first, without a lock. */
  admission(ino: Ino): Promise<unknown> | undefined {
    return this.#closed.get(ino);
  }
}

/** Room for bytes that will be written. */
export interface Room {
  readonly ino: Ino;
  readonly client: string;
  readonly bytes: number;
}

interface RoomWaiter {
  readonly take: () => boolean;
  readonly go: () => void;
}

interface ClientShare {
  readonly files: Set<OpenFile>;
  readonly classes: WeightClasses;
  weight: number;
  reserved: number;
}

async function inTurn<Key, T>(
  turns: Map<Key, Promise<unknown>>,
  key: Key,
  work: () => Promise<T>,
): Promise<T> {
  const before = turns.get(key);
  const mine = before === undefined ? work() : before.then(work, work);
  const settled = mine.catch(() => undefined);
  turns.set(key, settled);
  try {
    return await mine;
  } finally {
    if (turns.get(key) === settled) turns.delete(key);
  }
}
