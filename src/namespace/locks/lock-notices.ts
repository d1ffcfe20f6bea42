import type { Environment } from '../../environment.ts';
import { LOCK_NOTICE_ATTEMPTS_MAX, LOCK_NOTICE_MS_MIN, LOCK_NOTICES_PARALLEL_MAX } from '../../limits/nfs.ts';
import type { LockPeers } from './locks.ts';

interface Notice {
  readonly address: string;
  attempts: number;
  /** On the monotonic clock. */
  dueAt: number;
}

interface NoticeParts {
  readonly environment: Environment;
  readonly peers: LockPeers;
  readonly state: number;
}

/**
 * Tells the machines of the last run's clients that this server has started anew, each until it has heard or has been tried often
 * enough. One notice for an address: its status monitor serves all that it calls itself. So many at a time; one that has ended
 * makes place for the next at once, so that those who answer do not wait for those who are gone.
 */
export class LockNotices {
  readonly #parts: NoticeParts;
  readonly #left = new Set<Notice>();
  readonly #running = new Map<Notice, Promise<void>>();
  #isClosed = false;

  constructor(parts: NoticeParts, addresses: Iterable<string>) {
    this.#parts = parts;
    for (const address of addresses) this.#left.add({ address, attempts: 0, dueAt: 0 });
  }

  /** Begins with those that are due, or goes on. */
  step(): void {
    const now = this.#parts.environment.clock.monotonic();
    for (const notice of this.#left) {
      if (this.#isClosed || this.#running.size >= LOCK_NOTICES_PARALLEL_MAX) return;
      if (notice.dueAt > now || this.#running.has(notice)) continue;
      this.#running.set(
        notice,
        this.#tell(notice).finally(() => {
          this.#running.delete(notice);
          this.step();
        }),
      );
    }
  }

  /** Begins no more; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#running.values());
  }

  async #tell(notice: Notice): Promise<void> {
    const { environment, peers, state } = this.#parts;
    const { address } = notice;
    notice.attempts += 1;
    if (await peers.notify(address, state)) {
      this.#left.delete(notice);
      return;
    }
    if (notice.attempts >= LOCK_NOTICE_ATTEMPTS_MAX) {
      environment.log.warn('locks.client-not-notified', { address, attempts: notice.attempts });
      this.#left.delete(notice);
      return;
    }
    notice.dueAt = environment.clock.monotonic() + LOCK_NOTICE_MS_MIN * 2 ** (notice.attempts - 1);
  }
}
