import type { Environment } from '../../environment.ts';
import type { Kv } from '../../kv/kv.ts';
import {
  LOCK_CLIENT_IDLE_MS,
  LOCK_GRANT_ATTEMPTS_MAX,
  LOCK_GRANT_RETRY_MS_MIN,
  LOCK_SWEEP_FILES,
  LOCK_SWEEP_MS,
  LOCKS_LISTED_MAX,
} from '../../limits/nfs.ts';
import type { Ino } from '../namespace.ts';
import { FileLocks, heldOf, ownerText, rangeOf, type Held, type Waiter } from './file-locks.ts';
import { LockClients } from './lock-clients.ts';
import { LockNotices } from './lock-notices.ts';
import { LockUsage } from './lock-usage.ts';
import type {
  LockAnswer,
  LockClient,
  LockLine,
  LockListing,
  LockPeers,
  LockRange,
  LockRequest,
  LockOwner,
  Locks,
  LockWish,
  ShareRequest,
} from './locks.ts';
import { clientText } from './records.ts';

export interface LocksParts {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly peers: LockPeers;
  /** What of an address counts as one for bounds: all addresses of a site that has many are one. */
  readonly groupOf: (address: string) => string;
  /** How long after a start only former locks are taken, in milliseconds. */
  readonly graceMs: number;
  /** Whether the file is there. */
  readonly exists: (ino: Ino) => Promise<boolean>;
}

/**
 * Opens the locks of a gateway. When the last run left clients with locks, a grace period begins: they are told, and only they
 * get anything, by reclaiming. Without such clients nobody waits.
 */
export async function openLocks(parts: LocksParts): Promise<Locks> {
  return new LockTable(parts, await LockClients.open(parts));
}

/** Locks in the memory of one gateway. */
class LockTable implements Locks {
  readonly #parts: LocksParts;
  readonly #clients: LockClients;
  readonly #notices: LockNotices;
  readonly #usage: LockUsage;
  readonly #files = new Map<Ino, FileLocks>();
  readonly #stop = new AbortController();
  readonly #telling = new Set<Promise<void>>();
  readonly #reclaimed = new Set<string>();
  #grace: { readonly until: number; ending: Promise<void> | undefined } | undefined;
  #sweepAt: number;
  #sweeping: Ino[] = [];

  constructor(parts: LocksParts, clients: LockClients) {
    const { environment, peers, graceMs } = parts;
    const now = environment.clock.monotonic();
    this.#parts = parts;
    this.#clients = clients;
    this.#usage = new LockUsage(parts.groupOf);
    const addresses = new Set([...clients.former.values()].map(({ address }) => address));
    this.#notices = new LockNotices({ environment, peers, state: clients.state }, addresses);
    this.#grace = clients.former.size === 0 ? undefined : { until: now + graceMs, ending: undefined };
    this.#sweepAt = now + LOCK_SWEEP_MS;
  }

  state(): number {
    return this.#clients.state;
  }

  async test(request: LockRequest): Promise<LockLine | 'free' | 'grace'> {
    if (await this.#isInGrace()) return 'grace';
    const obstacle = this.#files.get(request.ino)?.obstacle(heldOf(request));
    return obstacle === undefined ? 'free' : lineOf(obstacle, 'held');
  }

  async lock(wish: LockWish): Promise<LockAnswer> {
    const { client } = wish.owner;
    if ((await this.#isInGrace()) !== wish.isReclaim) return 'grace';
    if (wish.isReclaim && !this.#clients.former.has(clientText(client))) return 'denied';
    if (wish.isMonitored) {
      if (!(await this.#clients.monitor(client))) return 'full';
      if (this.#clients.hasRestarted(client, wish.clientState)) await this.release(client);
    }
    return this.#lockNow(wish);
  }

  async cancel(request: LockRequest): Promise<LockAnswer> {
    const file = this.#files.get(request.ino);
    if (file === undefined) return 'denied';
    const wanted = heldOf(request);
    const untold = file.findUntold(wanted);
    const wasThere = this.#usage.counting(file, request.owner.client, () => {
      if (untold !== undefined) file.untold.delete(untold);
      return file.dequeue(wanted) || untold !== undefined;
    });
    this.#regrant(request.ino, file);
    return wasThere ? 'granted' : 'denied';
  }

  async unlock(request: LockRange & { readonly owner: LockOwner }): Promise<LockAnswer> {
    const file = this.#files.get(request.ino);
    if (file === undefined) return 'granted';
    const owner = ownerText(request);
    const range = rangeOf(request);
    const { client } = request.owner;
    this.#usage.counting(file, client, () => file.settle(owner, range));
    const left = file.afterGivingBack(owner, range);
    if (!this.#usage.hasRoom(file, client, left.length - file.held.length)) return 'full';
    this.#usage.counting(file, client, () => (file.held = left));
    this.#regrant(request.ino, file);
    return 'granted';
  }

  async share(request: ShareRequest): Promise<LockAnswer> {
    if ((await this.#isInGrace()) !== request.isReclaim) return 'grace';
    const { owner, access, denies, ino } = request;
    const file = this.#file(ino);
    if (!this.#usage.hasRoom(file, owner.client, 1)) return 'full';
    const share = { owner: ownerText(request), client: owner.client, access, denies };
    const isTaken = this.#usage.counting(file, owner.client, () => file.takeShare(share));
    this.#drop(ino, file);
    return isTaken ? 'granted' : 'denied';
  }

  async unshare({ ino, owner }: Pick<ShareRequest, 'ino' | 'owner'>): Promise<LockAnswer> {
    const file = this.#files.get(ino);
    if (file === undefined) return 'granted';
    this.#usage.counting(file, owner.client, () => file.dropShare(ownerText({ owner })));
    this.#drop(ino, file);
    return 'granted';
  }

  async release(client: LockClient): Promise<number> {
    const { held, waiting, shares } = this.#usage.of(client);
    if (!this.#usage.hasAny(client)) return 0;
    const key = clientText(client);
    for (const [ino, file] of this.#files) {
      this.#usage.counting(file, client, () => (file.held = file.dropClient(key)));
      this.#regrant(ino, file);
    }
    this.#parts.environment.log.info('locks.client-released', { ...client, held, waiting, shares });
    return held + waiting + shares;
  }

  async clientRestarted(client: LockClient, state: number): Promise<void> {
    for (const known of this.#knownAs(client)) {
      // A notice that comes a second time, or behind the first lock of the new life.
      if (this.#clients.stateOf(known) === state && state !== 0) continue;
      this.#clients.noteState(known, state);
      await this.release(known);
    }
  }

  list(): LockListing {
    const now = this.#parts.environment.clock.monotonic();
    const monitored = this.#clients.all().filter((client) => !this.#usage.hasAny(client));
    const usages = [...this.#usage.all(), ...monitored.map((client) => this.#usage.of(client))];
    const lines = this.#lines();
    const locks: LockLine[] = [];
    for (const line of lines) {
      if (locks.length === LOCKS_LISTED_MAX) break;
      locks.push(line);
    }
    return {
      state: this.#clients.state,
      graceSecondsLeft:
        this.#grace === undefined ? 0 : Math.max(0, Math.ceil((this.#grace.until - now) / 1000)),
      clients: usages.slice(0, LOCKS_LISTED_MAX).map(({ client, held, waiting, shares }) => ({
        ...client,
        ...{ held, waiting, shares },
        isMonitored: this.#clients.isMonitored(client),
      })),
      locks,
      isTruncated: usages.length > LOCKS_LISTED_MAX || lines.next().done !== true,
    };
  }

  async step(): Promise<'busy' | 'idle'> {
    await this.#isInGrace();
    this.#notices.step();
    await this.#forgetIdle();
    return this.#sweep();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#telling, this.#notices.close()]);
  }

  #lockNow(wish: LockWish): LockAnswer {
    const { ino, owner, wait } = wish;
    const file = this.#file(ino);
    const wanted = heldOf(wish);
    const isFree = file.obstacle(wanted) === undefined;
    if (isFree && (wait === undefined || !file.mustQueue(wanted))) {
      const answer = this.#take(file, wanted);
      if (wish.isReclaim && answer === 'granted') this.#reclaimed.add(wanted.client);
      this.#regrant(ino, file);
      return answer;
    }
    if (wait === undefined) return this.#refuse(ino, file, 'denied');
    if (!file.isWaiting(wanted) && !this.#usage.hasRoomToWait(file, owner.client))
      return this.#refuse(ino, file, 'full');
    this.#usage.counting(file, owner.client, () => file.enqueue({ ...wanted, wait }));
    return 'blocked';
  }

  #refuse(ino: Ino, file: FileLocks, answer: LockAnswer): LockAnswer {
    this.#drop(ino, file);
    return answer;
  }

  #take(file: FileLocks, wanted: Held): LockAnswer {
    const { client } = wanted.request.owner;
    this.#usage.counting(file, client, () => file.settle(wanted.owner, wanted));
    const held = file.afterTaking(wanted);
    if (!this.#usage.hasRoom(file, client, held.length - file.held.length)) return 'full';
    this.#usage.counting(file, client, () => {
      file.dequeue(wanted);
      file.held = held;
    });
    return 'granted';
  }

  /** Gives to those who wait, in their order, what has become free; forgets a file that nobody has anything of. */
  #regrant(ino: Ino, file: FileLocks): void {
    for (let waiter = file.next(); waiter !== undefined; waiter = file.next()) {
      const grant = waiter;
      const { client } = grant.request.owner;
      if (!this.#usage.hasRoom(file, client, 1)) break;
      this.#usage.counting(file, client, () => file.give(grant));
      const told = this.#tell(ino, file, grant).finally(() => this.#telling.delete(told));
      this.#telling.add(told);
    }
    this.#drop(ino, file);
  }

  /**
   * Tells a waiter that it has the lock until it knows; takes the lock back from one who surely does not. One who has perhaps heard
   * and refuses later may have it: it has, or it would cancel.
   */
  async #tell(ino: Ino, file: FileLocks, grant: Waiter): Promise<void> {
    const { request, wait } = grant;
    const { client } = request.owner;
    let mayKnow = false;
    for (let attempt = 0; attempt < LOCK_GRANT_ATTEMPTS_MAX; attempt += 1) {
      const outcome = await this.#parts.peers.tell(request, wait);
      if (!file.untold.has(grant)) return;
      if (outcome === 'granted') {
        this.#usage.counting(file, client, () => file.confirm(grant));
        return this.#regrant(ino, file);
      }
      if (outcome === 'refused' && !mayKnow) return this.#takeBack(ino, file, grant);
      if (outcome === 'refused') break;
      mayKnow ||= outcome === 'unanswered';
      if (!(await this.#pause(LOCK_GRANT_RETRY_MS_MIN * 2 ** attempt)) || !file.untold.has(grant)) return;
    }
    this.#parts.environment.log.warn('locks.grant-undelivered', { ...client, ino, mayKnow });
    if (!mayKnow) this.#takeBack(ino, file, grant);
  }

  #takeBack(ino: Ino, file: FileLocks, grant: Waiter): void {
    this.#usage.counting(file, grant.request.owner.client, () => file.untold.delete(grant));
    this.#regrant(ino, file);
  }

  /** False when the locks are closed. */
  async #pause(ms: number): Promise<boolean> {
    await this.#parts.environment.clock.sleep(ms, this.#stop.signal).catch(() => undefined);
    return !this.#stop.signal.aborted;
  }

  #file(ino: Ino): FileLocks {
    const known = this.#files.get(ino);
    if (known !== undefined) return known;
    const file = new FileLocks();
    this.#files.set(ino, file);
    return file;
  }

  #drop(ino: Ino, file: FileLocks): void {
    if (file.isEmpty) this.#files.delete(ino);
  }

  async #isInGrace(): Promise<boolean> {
    const grace = this.#grace;
    if (grace === undefined) return false;
    if (this.#parts.environment.clock.monotonic() < grace.until) return true;
    // Who has reclaimed nothing must not come back after another start: its locks may be somebody else's from here on.
    const { former } = this.#clients;
    const silent = [...former].filter(([key]) => !this.#reclaimed.has(key)).map(([, client]) => client);
    grace.ending ??= this.#clients.forget(silent);
    await grace.ending;
    this.#grace = undefined;
    return false;
  }

  async #forgetIdle(): Promise<void> {
    if (this.#grace !== undefined) return;
    const before = this.#parts.environment.clock.monotonic() - LOCK_CLIENT_IDLE_MS;
    const idle = this.#clients.idleSince(before).filter((client) => !this.#usage.hasAny(client));
    await this.#clients.forget(idle);
  }

  /** Locks of removed files have no use, and nobody can give them back by name. A page of files at a time. */
  async #sweep(): Promise<'busy' | 'idle'> {
    const now = this.#parts.environment.clock.monotonic();
    if (this.#sweeping.length === 0) {
      if (now < this.#sweepAt) return 'idle';
      this.#sweepAt = now + LOCK_SWEEP_MS;
      this.#sweeping = [...this.#files.keys()];
    }
    for (const ino of this.#sweeping.splice(0, LOCK_SWEEP_FILES))
      if (!(await this.#parts.exists(ino))) this.#dropFile(ino);
    return this.#sweeping.length > 0 ? 'busy' : 'idle';
  }

  #dropFile(ino: Ino): void {
    const file = this.#files.get(ino);
    if (file === undefined) return;
    const owners = [
      ...file.held.map(({ request }) => request.owner),
      ...[...file.untold, ...file.waiters].map(({ request }) => request.owner),
    ];
    const clients = [...owners.map(({ client }) => client), ...file.shares.map(({ client }) => client)];
    for (const client of clients)
      this.#usage.counting(file, client, () => (file.held = file.dropClient(clientText(client))));
    this.#drop(ino, file);
  }

  /**
   * Whom a status monitor means: at that address the one of that name, else of the same name without domain, else the only
   * one. The address is what the network vouches for; the name is only what somebody says.
   */
  #knownAs({ address, name }: LockClient): readonly LockClient[] {
    const all = [...this.#clients.all(), ...this.#usage.all().map(({ client }) => client)];
    const here = [...new Map(all.map((client) => [clientText(client), client])).values()].filter(
      (client) => client.address === address,
    );
    const exact = here.filter((client) => client.name === name);
    const short = here.filter((client) => firstLabel(client.name) === firstLabel(name));
    return exact.length > 0 ? exact : short.length > 0 || here.length > 1 ? short : here;
  }

  *#lines(): Generator<LockLine, undefined> {
    for (const file of this.#files.values()) {
      for (const held of [...file.held, ...file.untold]) yield lineOf(held, 'held');
      for (const waiter of file.waiters) yield lineOf(waiter, 'waiting');
    }
  }
}

const firstLabel = (name: string): string => name.split('.', 1).join('').toLowerCase();

const lineOf = ({ request, start, end, isExclusive }: Held | Waiter, state: LockLine['state']): LockLine => ({
  ino: request.ino,
  owner: request.owner,
  offset: start,
  length: end === Infinity ? 0 : end - start,
  isExclusive,
  state,
});
