import {
  LOCK_WAITERS_MAX,
  LOCK_WAITERS_PER_ADDRESS_MAX,
  LOCK_WAITERS_PER_FILE_MAX,
  LOCKS_MAX,
  LOCKS_PER_ADDRESS_MAX,
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

interface Sum {
  locks: number;
  waiting: number;
}

/** How much each client has, and whether those of its address, and all together, may have more. */
export class LockUsage {
  readonly #groupOf: (address: string) => string;
  readonly #byClient = new Map<string, Usage>();
  readonly #byGroup = new Map<string, Sum>();
  readonly #all: Sum = { locks: 0, waiting: 0 };

  /** `groupOf`: what counts as one address. */
  constructor(groupOf: (address: string) => string) {
    this.#groupOf = groupOf;
  }

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
    const more = {
      locks: after.held + after.shares - before.held - before.shares,
      waiting: after.waiting - before.waiting,
    };
    add(this.#all, more);
    this.#addToGroup(this.#groupOf(client.address), more);
    if (usage.held + usage.waiting + usage.shares === 0) this.#byClient.delete(key);
    else this.#byClient.set(key, usage);
    return result;
  }

  /** Whether the client may get so many more ranges or shares in that file. */
  hasRoom(file: FileLocks, client: LockClient, more: number): boolean {
    const { held, shares } = countsOf(file);
    const group = this.#ofGroup(client);
    return (
      more <= 0 ||
      (held + shares + more <= LOCKS_PER_FILE_MAX &&
        group.locks + more <= LOCKS_PER_ADDRESS_MAX &&
        this.#all.locks + more <= LOCKS_MAX)
    );
  }

  hasRoomToWait(file: FileLocks, client: LockClient): boolean {
    return (
      file.waiters.length < LOCK_WAITERS_PER_FILE_MAX &&
      this.#ofGroup(client).waiting < LOCK_WAITERS_PER_ADDRESS_MAX &&
      this.#all.waiting < LOCK_WAITERS_MAX
    );
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

  #ofGroup({ address }: LockClient): Readonly<Sum> {
    return this.#byGroup.get(this.#groupOf(address)) ?? { locks: 0, waiting: 0 };
  }

  #addToGroup(group: string, more: Sum): void {
    const sum = this.#byGroup.get(group) ?? { locks: 0, waiting: 0 };
    add(sum, more);
    if (sum.locks === 0 && sum.waiting === 0) this.#byGroup.delete(group);
    else this.#byGroup.set(group, sum);
  }
}

function add(sum: Sum, more: Readonly<Sum>): void {
  sum.locks += more.locks;
  sum.waiting += more.waiting;
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
