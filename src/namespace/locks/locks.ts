import type { Closable } from '../../scope.ts';
import type { Ino } from '../namespace.ts';

/** A machine that locks: where it calls from, and what it calls itself. Two machines behind one address are two by their names. */
export interface LockClient {
  readonly address: string;
  readonly name: string;
}

/** Whose lock it is: a process (`processId`) of a client, and what the client tells its owners apart by besides. */
export interface LockOwner {
  readonly client: LockClient;
  readonly processId: number;
  readonly token: Uint8Array;
}

/** Bytes of a file. `length` 0: to the end, wherever it will be. Advisory: reads and writes do not look at locks. */
export interface LockRange {
  readonly ino: Ino;
  readonly offset: number;
  readonly length: number;
}

export interface LockRequest extends LockRange {
  readonly owner: LockOwner;
  readonly isExclusive: boolean;
}

/** How a client that waits is told. `handle` is the file as it named it. */
export interface LockWait {
  readonly form: 'call' | 'message';
  readonly handle: Uint8Array;
}

export interface LockWish extends LockRequest {
  /** `undefined`: it does not wait. */
  readonly wait: LockWait | undefined;
  /** The client had it before this server started anew. */
  readonly isReclaim: boolean;
  /** The client's own state number, which grows when it starts anew; 0: it says none. */
  readonly clientState: number;
  /** False: the client itself gives its locks back when it has started anew. */
  readonly isMonitored: boolean;
}

/**
 * granted: durable in the sense of NLM: if this server crashes, the client is told and may reclaim it. denied: somebody else
 * has it. full: a bound is reached. blocked: it waits. grace: this server has just started, and only former locks are taken.
 */
export type LockAnswer = 'granted' | 'denied' | 'full' | 'blocked' | 'grace';

/** What a share denies to others, or wants itself. */
export interface ShareBits {
  readonly read: boolean;
  readonly write: boolean;
}
/** Opens a file in the way of DOS: one for each owner and file, a later one replaces it. */
export interface ShareRequest {
  readonly ino: Ino;
  readonly owner: LockOwner;
  readonly access: ShareBits;
  readonly denies: ShareBits;
  readonly isReclaim: boolean;
}

/** See `GrantOutcome` of the library: `unanswered` means that the client perhaps knows that it has the lock. */
export type TellOutcome = 'granted' | 'refused' | 'unreachable' | 'unanswered';

/** Calls to the machines that lock. */
export interface LockPeers {
  /** Tells a client once that it has the lock it waited for. */
  tell(request: LockRequest, wait: LockWait): Promise<TellOutcome>;
  /** Tells the machine at an address that this server has started anew, with its new state number. False: it could not be told. */
  notify(address: string, state: number): Promise<boolean>;
}

export interface LockLine extends LockRange {
  readonly owner: LockOwner;
  readonly isExclusive: boolean;
  readonly state: 'held' | 'waiting';
}
export interface ClientLine extends LockClient {
  readonly held: number;
  readonly waiting: number;
  readonly shares: number;
  readonly isMonitored: boolean;
}
export interface LockListing {
  /** Of this server: odd, and greater with every start. */
  readonly state: number;
  /** 0: over. */
  readonly graceSecondsLeft: number;
  readonly clients: readonly ClientLine[];
  readonly locks: readonly LockLine[];
  /** There are more than are listed. */
  readonly isTruncated: boolean;
}

/**
 * Advisory locks of files. Nothing here says where they are kept: today in the memory of one gateway, with the clients that have
 * some as rows of the store; one day perhaps all of it in rows that many gateways share.
 */
export interface Locks extends Closable {
  /** Who keeps the caller from it; 'grace' while that is not known. */
  test(request: LockRequest): Promise<LockLine | 'free' | 'grace'>;
  lock(wish: LockWish): Promise<LockAnswer>;
  /** Stops waiting, also when the news of the grant is under way. 'denied': nobody waited. */
  cancel(request: LockRequest): Promise<LockAnswer>;
  unlock(range: LockRange & { readonly owner: LockOwner }): Promise<LockAnswer>;
  share(request: ShareRequest): Promise<LockAnswer>;
  unshare(request: Pick<ShareRequest, 'ino' | 'owner'>): Promise<LockAnswer>;
  /** Everything of one client. How many locks, waits and shares that was. */
  release(client: LockClient): Promise<number>;
  /** A client at that address says that it has started anew, with a state number. What it held before is released. */
  clientRestarted(client: LockClient, state: number): Promise<void>;
  /** This server's state number. */
  state(): number;
  list(): LockListing;
  /** One unit of upkeep: notices to former clients, the end of the grace period, locks of removed files, clients that left. */
  step(): Promise<'busy' | 'idle'>;
}
