import type { MonotonicMs, Time } from '../environment.ts';
import { DirtyRanges } from './dirty.ts';
import type { Ino } from './namespace.ts';
import type { Reservation } from './quota/reservation.ts';
import type { Inode } from './records.ts';
import type { SharedRuns } from './shared-runs.ts';

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
  /** For the growth that is not committed yet. */
  readonly reservation: Reservation;

  constructor(
    inode: Inode,
    { now, reservation }: { readonly now: MonotonicMs; readonly reservation: Reservation },
  ) {
    this.ino = inode.ino;
    this.attributes = inode;
    this.dirtySince = now;
    this.reservation = reservation;
  }

  bytes(): number {
    return this.dirty.bytes() + (this.flushing?.bytes() ?? 0);
  }
}

/** The files with dirty data, and one lock for each inode whose content somebody changes or takes a picture of. */
export class OpenFiles {
  readonly #files = new Map<Ino, OpenFile>();
  readonly #locks = new Map<Ino, Promise<unknown>>();
  readonly #closed = new Map<Ino, Promise<unknown>>();
  #bytes = 0;

  get(ino: Ino): OpenFile | undefined {
    return this.#files.get(ino);
  }

  add(file: OpenFile): void {
    this.#files.set(file.ino, file);
  }

  /** Forgets the file and what it held: its data is durable, or nobody can read it any more. */
  forget(file: OpenFile): void {
    if (this.#files.get(file.ino) === file) this.#files.delete(file.ino);
    this.account(-file.bytes());
    file.reservation.release();
    file.dirty = new DirtyRanges();
    file.flushing = undefined;
  }

  all(): Iterable<OpenFile> {
    return this.#files.values();
  }

  /** Dirty bytes of all files. */
  bytes(): number {
    return this.#bytes;
  }

  account(bytes: number): void {
    this.#bytes += bytes;
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

async function inTurn<T>(turns: Map<Ino, Promise<unknown>>, ino: Ino, work: () => Promise<T>): Promise<T> {
  const before = turns.get(ino);
  const mine = before === undefined ? work() : before.then(work, work);
  const settled = mine.catch(() => undefined);
  turns.set(ino, settled);
  try {
    return await mine;
  } finally {
    if (turns.get(ino) === settled) turns.delete(ino);
  }
}
