import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import {
  NATIVE_CHANGED_TOLD_MAX,
  NATIVE_LEADS,
  NATIVE_REST_MS,
  NATIVE_SWEEP_FAILURES,
} from '../../limits/tiering.ts';
import type { NativeParts } from './native-parts.ts';
import {
  decodeNative,
  deleteLead,
  encodeNative,
  keyOfLead,
  leadsAfter,
  nativeBlobs,
  nativeKey,
  type NativeRow,
} from './native-records.ts';
import { isOwn } from './put-object.ts';

/**
 * Deletes objects of ours in the cold store that nothing needs any more, and clears away after uploads that a crash has cut short.
 * A deletion is a row before it happens, says the ETag of what is meant, and leaves alone what anybody else has put there.
 */
export class ObjectSweep {
  readonly #parts: NativeParts;
  #after = '';
  #restUntil = -Infinity;
  #hasFailed = false;
  /** Keys that failed when they were looked at last; each is told once. */
  readonly #failing = new Set<string>();

  constructor(parts: NativeParts) {
    this.#parts = parts;
  }

  /** Some of the keys that want a look; `idle` when all have had one, and while it rests since some have failed. */
  async step(): Promise<'busy' | 'idle'> {
    const { environment, store } = this.#parts;
    const now = environment.clock.monotonic();
    if (!store.mayForget() || now < this.#restUntil) return 'idle';
    const keys = await this.#nextKeys();
    let failures = 0;
    for (const key of keys) {
      this.#after = key;
      if (!(await this.#hasLooked(key))) failures += 1;
      if (failures === NATIVE_SWEEP_FAILURES) break;
    }
    this.#hasFailed ||= failures > 0;
    const isEnd = keys.length === 0;
    if (failures === NATIVE_SWEEP_FAILURES || (isEnd && this.#hasFailed)) {
      this.#restUntil = now + NATIVE_REST_MS;
      this.#hasFailed = false;
    }
    if (isEnd) this.#after = '';
    return isEnd || now < this.#restUntil ? 'idle' : 'busy';
  }

  /** False where it failed: its lead stays for the next round, and those behind it have their turn. */
  async #hasLooked(key: string): Promise<boolean> {
    try {
      await this.#look(key);
      this.#failing.delete(key);
      return true;
    } catch (failure) {
      if (!(failure instanceof Fault)) throw failure;
      if (!this.#failing.has(key) && this.#failing.size < NATIVE_CHANGED_TOLD_MAX) {
        this.#failing.add(key);
        const { log } = this.#parts.environment;
        log.warn('an object in the cold store that nobody needs stays for now', { key, failure });
      }
      return false;
    }
  }

  async #nextKeys(): Promise<readonly string[]> {
    const pages = this.#parts.kv.scan(leadsAfter(this.#after), { pageEntries: NATIVE_LEADS });
    for await (const page of pages) return page.map(({ key }) => keyOfLead(key));
    return [];
  }

  /** Passed over while somebody uploads it: the lead stays. */
  async #look(key: string): Promise<void> {
    const release = await this.#parts.locks.tryTake(key);
    if (release === undefined) return;
    try {
      const leaving = await this.#parts.kv.transact('durable', (tx) => markUnneeded(tx, key));
      if (leaving !== undefined) await this.#remove(key, leaving);
    } finally {
      release();
    }
  }

  /** In the store, and when that is done, its row. */
  async #remove(key: string, row: NativeRow): Promise<void> {
    const { store, kv, changed } = this.#parts;
    const { signal } = new AbortController();
    if (row.upload !== '') await store.objects.abandon(key, row.upload, signal);
    const facts = await store.objects.head(key, signal);
    const isOurs = facts !== undefined && (await isOwn(this.#parts, { key, facts, row }));
    if (isOurs) await store.objects.deleteSame(key, facts.etag, signal).catch(unlessChanged);
    await kv.transact('durable', async (tx) => {
      tx.delete(nativeKey(key));
      deleteLead(tx, key);
    });
    changed.delete(key);
  }
}

/** What is left to be done in the store; nothing where blobs have their copy in it, or there is none. */
async function markUnneeded(tx: KvTransaction, key: string): Promise<NativeRow | undefined> {
  const known = await tx.get(nativeKey(key));
  const row = known && decodeNative(known);
  if (row !== undefined && !(await isNeeded(tx, row))) {
    if (row.state === 'here') tx.put(nativeKey(key), encodeNative({ ...row, state: 'leaving' }));
    return row;
  }
  deleteLead(tx, key);
  return undefined;
}

async function isNeeded(tx: KvTransaction, { id }: NativeRow): Promise<boolean> {
  for await (const page of tx.scan(nativeBlobs(id), { pageEntries: 1 })) return page.length > 0;
  return false;
}

/** Between the look and the deletion somebody has put something else there. */
function unlessChanged(failure: unknown): void {
  if (!(failure instanceof Fault) || failure.code !== 'precondition-failed') throw failure;
}
