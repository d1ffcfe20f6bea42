import type { Environment } from '../../environment.ts';
import { LOCK_NOTICE_ATTEMPTS_MAX, LOCK_NOTICE_MS_MIN, LOCK_NOTICES_PARALLEL_MAX } from '../../limits.ts';
import type { LockClient, LockPeers } from './locks.ts';

interface Notice {
  readonly client: LockClient;
  attempts: number;
  /** On the monotonic clock. */
  dueAt: number;
}

/** Tells the clients of the last run that this server has started anew, each until it has heard or has been tried often enough. */
export class LockNotices {
  readonly #parts: { readonly environment: Environment; readonly peers: LockPeers; readonly state: number };
  #left: readonly Notice[];

  constructor(
    parts: { readonly environment: Environment; readonly peers: LockPeers; readonly state: number },
    clients: Iterable<LockClient>,
  ) {
    this.#parts = parts;
    this.#left = [...clients].map((client) => ({ client, attempts: 0, dueAt: 0 }));
  }

  /** Tells some of those that are due. Whether there are more of them. */
  async step(): Promise<'busy' | 'idle'> {
    const now = this.#parts.environment.clock.monotonic();
    const due = this.#left.filter(({ dueAt }) => dueAt <= now);
    const batch = due.slice(0, LOCK_NOTICES_PARALLEL_MAX);
    const done = new Set((await Promise.all(batch.map((notice) => this.#tell(notice)))).flat());
    this.#left = this.#left.filter((notice) => !done.has(notice));
    return due.length > batch.length ? 'busy' : 'idle';
  }

  /** The notice, when it is done with. */
  async #tell(notice: Notice): Promise<readonly Notice[]> {
    const { environment, peers, state } = this.#parts;
    const { client } = notice;
    notice.attempts += 1;
    if (await peers.notify(client, state)) return [notice];
    if (notice.attempts >= LOCK_NOTICE_ATTEMPTS_MAX) {
      environment.log.warn('locks.client-not-notified', { ...client, attempts: notice.attempts });
      return [notice];
    }
    notice.dueAt = environment.clock.monotonic() + LOCK_NOTICE_MS_MIN * 2 ** (notice.attempts - 1);
    return [];
  }
}
