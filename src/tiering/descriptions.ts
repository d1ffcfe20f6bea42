import { Fault } from '../fault.ts';
import type { Entry, Kv, KvTransaction } from '../kv/kv.ts';
import { decodeU64, encodeU64, prefixRange, tupleKey } from '../kv/tuple.ts';
import { DESCRIBE_BLOBS_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import type { Copies } from './copies.ts';

/** Prefix of the rows of blobs whose label may have grown since they moved. */
export const DESCRIPTIONS_TABLE = 0x5c;

interface Parts {
  readonly kv: Kv;
  readonly copies: Copies;
  readonly labels: BlobLabels;
  readonly nextId: () => number;
  /** Says that `step` has work. */
  readonly wake: () => void;
}

/**
 * Blobs that somebody else shows as well since they moved to a lower tier: a copy, or the object that an upload became. What describes
 * them there is written anew, in the background.
 */
export class Descriptions {
  readonly #parts: Parts;
  /** How many moves under way have asked for the label of a blob. */
  readonly #moving = new Map<BlobId, number>();
  #hasPassedOver = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** With the transaction that gives the blob another reference. */
  note(tx: KvTransaction, id: BlobId): void {
    const { nextId, wake } = this.#parts;
    // Who takes the row away sees by its value whether the blob was noted once more meanwhile.
    tx.put(keyOf(id), encodeU64(nextId()));
    tx.whenCommitted(wake);
  }

  /**
   * What is noted of these blobs from now on stays until the function is called that this answers: by then a label that was asked for
   * before is written.
   */
  keep(ids: readonly BlobId[]): () => void {
    for (const id of ids) this.#moving.set(id, (this.#moving.get(id) ?? 0) + 1);
    return () => {
      for (const id of ids) {
        const left = (this.#moving.get(id) ?? 0) - 1;
        if (left > 0) this.#moving.set(id, left);
        else this.#moving.delete(id);
      }
      if (this.#hasPassedOver) this.#parts.wake();
      this.#hasPassedOver = false;
    };
  }

  /** One page of them. What a tier refuses, or cannot take now, stays for a later call. */
  async step(): Promise<'busy' | 'idle'> {
    const { kv } = this.#parts;
    for await (const entries of kv.scan(range, { pageEntries: DESCRIBE_BLOBS_MAX })) {
      const page = entries.filter(({ key }) => !this.#moving.has(blobOf(key)));
      this.#hasPassedOver ||= page.length < entries.length;
      if (page.length === 0) continue;
      try {
        await this.#describe(page.map(({ key }) => blobOf(key)));
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        return 'idle';
      }
      await kv.transact('buffered', (tx) => forget(tx, page));
      return 'busy';
    }
    return 'idle';
  }

  async #describe(ids: readonly BlobId[]): Promise<void> {
    const { kv, copies, labels } = this.#parts;
    const found = (await copies.of(kv, ids)).filter((blob) => blob !== undefined);
    const moved = found.filter(({ lower }) => lower.length > 0);
    const said = await labels.labelsOf(moved.map(({ id }) => id));
    for (const store of copies.lower.stores) {
      const some = moved.flatMap(({ id, lower }, index) =>
        lower.includes(store.tier) ? [{ id, label: said[index]! }] : [],
      );
      if (some.length > 0) await store.describe(some);
    }
  }
}

async function forget(tx: KvTransaction, page: readonly Entry[]): Promise<void> {
  const now = await tx.getMany(page.map(({ key }) => key));
  for (const [index, { key, value }] of page.entries()) {
    const row = now[index];
    if (row !== undefined && Buffer.compare(row, value) === 0) tx.delete(key);
  }
}

const blobOf = (key: Uint8Array): BlobId => decodeU64(key, 1) as BlobId;
const keyOf = (id: BlobId): Uint8Array => tupleKey(DESCRIPTIONS_TABLE, [id]);
const range = prefixRange(Uint8Array.of(DESCRIPTIONS_TABLE));
