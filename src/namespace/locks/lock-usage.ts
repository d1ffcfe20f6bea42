import {
  LOCK_WAITERS_MAX,
  LOCK_WAITERS_PER_FILE_MAX,
  LOCKS_MAX,
  LOCKS_PER_CLIENT_MAX,
  LOCKS_PER_FILE_MAX,
} from '../../limits/nfs.ts';
import type { FileLocks } from './file-locks.ts';
import type { LockClient } from './locks.ts';
import { clientText } from './records.ts';

interface Usage {
  readonly client: LockClient;
  held: number;
  waiting: number;
  shares: number;
}

/** How much each client has, and whether it may have more. */
export class LockUsage {
  readonly #byClient = new Map<string, Usage>();
  #locks = 0;
  #waiting = 0;

  /** Runs a change of a file that adds or takes only what is that client's, and counts it. */
  counting<T>(file: FileLocks, client: LockClient, change: () => T): T {
    const before = countsOf(file);
    const result = change();
    const after = countsOf(file);
    const key = clientText(client);
    const usage = this.#byClient.get(key) ?? { client, held: 0, waiting: 0, shares: 0 };
    usage.held += after.held - before.held;
    usage.waiting += after.waiting - before.waiting;
    usage.shares += after.shares - before.shares;
    this.#locks += after.held + after.shares - before.held - before.shares;
    this.#waiting += after.waiting - before.waiting;
    if (usage.held + usage.waiting + usage.shares === 0) this.#byClient.delete(key);
    else this.#byClient.set(key, usage);
    return result;
  }

  /** Whether the client may get so many more ranges or shares in that file. */
  hasRoom(file: FileLocks, client: LockClient, more: number): boolean {
    const { held, shares } = countsOf(file);
    const own = this.of(client);
    return (
      more <= 0 ||
      (held + shares + more <= LOCKS_PER_FILE_MAX &&
        own.held + own.shares + more <= LOCKS_PER_CLIENT_MAX &&
        this.#locks + more <= LOCKS_MAX)
    );
  }

  hasRoomToWait(file: FileLocks): boolean {
    return file.waiters.length < LOCK_WAITERS_PER_FILE_MAX && this.#waiting < LOCK_WAITERS_MAX;
  }

  of(client: LockClient): Readonly<Usage> {
    return this.#byClient.get(clientText(client)) ?? { client, held: 0, waiting: 0, shares: 0 };
  }

  hasAny(client: LockClient): boolean {
    return this.#byClient.has(clientText(client));
  }

  all(): readonly Readonly<Usage>[] {
    return [...this.#byClient.values()];
  }
}

const countsOf = ({
  held,
  untold,
  waiters,
  shares,
}: FileLocks): { readonly held: number; readonly waiting: number; readonly shares: number } => ({
  held: held.length + untold.size,
  waiting: waiters.length,
  shares: shares.length,
});
