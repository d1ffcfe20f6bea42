import type { Environment, MonotonicMs } from '../../environment.ts';
import type { Kv } from '../../kv/kv.ts';
import { LOCK_CLIENTS_MAX, LOCK_CLIENTS_PAGE, LOCK_CLIENTS_PER_ADDRESS_MAX } from '../../limits/nfs.ts';
import type { LockClient } from './locks.ts';
import {
  clientKey,
  clientRange,
  clientText,
  decodeClient,
  decodeServerState,
  encodeClient,
  encodeServerState,
  SERVER_STATE_KEY,
} from './records.ts';

interface Monitored {
  readonly client: LockClient;
  usedAt: MonotonicMs;
  /** Its state number as far as it has said one; 0: not yet. */
  state: number;
}

export interface LockClientsParts {
  readonly kv: Kv;
  readonly environment: Pick<Environment, 'clock'>;
  /** What counts as one address. */
  readonly groupOf: (address: string) => string;
}

/**
 * The clients that must hear of it when this server starts anew. Each is a row that is durable before its first lock is
 * acknowledged; the locks themselves are not kept, because clients reclaim them.
 */
export class LockClients {
  /** This server's state number. */
  readonly state: number;
  /** Those that the last run left: they may reclaim until the grace period ends. By key. */
  readonly former: ReadonlyMap<string, LockClient>;
  readonly #parts: LockClientsParts;
  readonly #durable = new Map<string, Monitored>();
  /** How many of them each address has, with those whose rows are on their way. */
  readonly #counts = new Map<string, number>();
  /** Commits under way, by client: one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(parts: LockClientsParts, opened: { state: number; former: readonly LockClient[] }) {
    this.#parts = parts;
    this.state = opened.state;
    this.former = new Map(opened.former.map((client) => [clientText(client), client]));
    const usedAt = parts.environment.clock.monotonic();
    for (const [key, client] of this.former) {
      this.#durable.set(key, { client, usedAt, state: 0 });
      this.#count(client, 1);
    }
  }

  /** Takes the next state number and reads who is to be told of it; both are durable when it resolves. */
  static async open(parts: LockClientsParts): Promise<LockClients> {
    const state = await parts.kv.transact('durable', async (tx) => {
      const row = await tx.get(SERVER_STATE_KEY);
      const last = row === undefined ? 0 : decodeServerState(row);
      const next = last + 1 + (last % 2);
      tx.put(SERVER_STATE_KEY, encodeServerState(next));
      return next;
    });
    const former: LockClient[] = [];
    for await (const page of parts.kv.scan(clientRange(), { pageEntries: LOCK_CLIENTS_PAGE }))
      for (const { value } of page) former.push(decodeClient(value));
    return new LockClients(parts, { state, former });
  }

  /** Resolves when the client's row is durable; false when there are too many clients, at its address or in all. */
  async monitor(client: LockClient): Promise<boolean> {
    const key = clientText(client);
    const usedAt = this.#parts.environment.clock.monotonic();
    const known = this.#durable.get(key);
    if (known !== undefined) {
      known.usedAt = usedAt;
      return true;
    }
    if (this.#durable.size + this.#turns.size >= LOCK_CLIENTS_MAX) return false;
    if (this.#countOf(client) >= LOCK_CLIENTS_PER_ADDRESS_MAX) return false;
    this.#count(client, 1);
    let isNew = false;
    try {
      await this.#inTurn(key, async () => {
        if (this.#durable.has(key)) return;
        await this.#parts.kv.transact('durable', async (tx) =>
          tx.put(clientKey(client), encodeClient(client)),
        );
        this.#durable.set(key, { client, usedAt, state: 0 });
        isNew = true;
      });
    } finally {
      if (!isNew) this.#count(client, -1);
    }
    return true;
  }

  /** The rows are gone, durably, when it resolves: the clients are not told of the next start. */
  async forget(clients: readonly LockClient[]): Promise<void> {
    if (clients.length === 0) return;
    // First: who locks from now on gets its row anew, behind this commit.
    for (const client of clients) if (this.#durable.delete(clientText(client))) this.#count(client, -1);
    const gone = this.#parts.kv.transact('durable', async (tx) => {
      for (const client of clients) tx.delete(clientKey(client));
    });
    await Promise.all(clients.map((client) => this.#inTurn(clientText(client), () => gone)));
  }

  /** Whether the client has started anew since it last said a state number. Notes it. */
  hasRestarted(client: LockClient, state: number): boolean {
    const known = this.#durable.get(clientText(client));
    if (known === undefined || state === 0) return false;
    const before = known.state;
    // A number that goes back is one that comes late.
    known.state = Math.max(before, state);
    return before !== 0 && state > before;
  }

  /** The last state number that the client said; 0: none. */
  stateOf(client: LockClient): number {
    return this.#durable.get(clientText(client))?.state ?? 0;
  }

  noteState(client: LockClient, state: number): void {
    const known = this.#durable.get(clientText(client));
    if (known !== undefined) known.state = state;
  }

  isMonitored(client: LockClient): boolean {
    return this.#durable.has(clientText(client));
  }

  all(): readonly LockClient[] {
    return [...this.#durable.values()].map(({ client }) => client);
  }

  /** Those that have not locked since then. */
  idleSince(before: number): readonly LockClient[] {
    return [...this.#durable.values()].filter(({ usedAt }) => usedAt < before).map(({ client }) => client);
  }

  #countOf({ address }: LockClient): number {
    return this.#counts.get(this.#parts.groupOf(address)) ?? 0;
  }

  #count(client: LockClient, more: number): void {
    const group = this.#parts.groupOf(client.address);
    const count = this.#countOf(client) + more;
    if (count === 0) this.#counts.delete(group);
    else this.#counts.set(group, count);
  }

  async #inTurn(key: string, work: () => Promise<unknown>): Promise<void> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.catch(() => undefined);
    this.#turns.set(key, settled);
    try {
      await mine;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }
}
