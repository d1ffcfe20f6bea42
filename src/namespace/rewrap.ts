import type { Encryption } from '../keyring/encryption.ts';
import type { RewrapGoal } from '../keyring/keyring.ts';
import type { Entry, Key } from '../kv/kv.ts';
import { REWRAP_PAGE_ENTRIES } from '../limits.ts';
import { allInodes, allUploads, inoOfInodeKey } from './keys.ts';
import type { Parts } from './parts.ts';
import { decodeInode, encodeInode } from './records.ts';
import { decodeUpload, encodeUpload } from './upload-records.ts';

/** One pass over everything that a key of the ring may seal, for one goal. */
interface Pass {
  readonly goal: RewrapGoal;
  /** Index of the table. */
  table: number;
  /** The last key that was looked at; empty: none of the table. */
  after: Key;
  examined: number;
  readonly matched: Map<string, number>;
}

/** A table whose rows hold seals. */
interface SealedTable {
  readonly range: () => { readonly start: Key; readonly end: Key };
  readonly encryptionOf: (entry: Entry) => Encryption | undefined;
  /** The row with another encryption. */
  readonly changed: (entry: Entry, encryption: Encryption) => Uint8Array;
}

const tables: readonly SealedTable[] = [
  {
    range: allInodes,
    encryptionOf: ({ key, value }) => decodeInode(inoOfInodeKey(key), value).encryption,
    changed: ({ key, value }, encryption) =>
      encodeInode({ ...decodeInode(inoOfInodeKey(key), value), encryption }),
  },
  {
    range: allUploads,
    // A completed one seals nothing that is ever opened: its object does.
    encryptionOf: ({ value }) => {
      const { completed, encryption } = decodeUpload(value);
      return completed === undefined ? encryption : undefined;
    },
    changed: ({ value }, encryption) => encodeUpload({ ...decodeUpload(value), encryption }),
  },
];

/**
 * Seals content keys anew after a rotation, and finds out whether anything needs a key that shall go. It reads every
 * inode once and moves no content. A pass that a restart broke off begins again: what is done is not done twice. Every
 * later change of a row takes the present version by itself (ContentKeys.settle), so one pass is enough.
 */
export class Rewrap {
  readonly #parts: Parts;
  #pass: Pass | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One page; false when there is nothing to do. */
  async step(): Promise<boolean> {
    const { keyring, kv } = this.#parts;
    const pass = this.#pass ?? this.#begin();
    if (pass === undefined) return false;
    const table = tables[pass.table];
    if (table === undefined) {
      // Old versions may go only when nothing that a crash brings back needs them.
      await kv.sync();
      await keyring.finish(pass.goal, pass);
      this.#pass = undefined;
      return true;
    }
    const page = await this.#page(table, pass.after);
    await this.#rewrap(pass, table, page);
    pass.examined += page.length;
    const last = page.at(-1);
    if (last === undefined) {
      pass.table += 1;
      pass.after = new Uint8Array(0);
    } else pass.after = last.key;
    keyring.note(pass.goal, pass);
    return true;
  }

  #begin(): Pass | undefined {
    const goal = this.#parts.keyring.goal();
    if (goal === undefined) return undefined;
    this.#pass = { goal, table: 0, after: new Uint8Array(0), examined: 0, matched: new Map() };
    return this.#pass;
  }

  async #page(table: SealedTable, after: Key): Promise<readonly Entry[]> {
    const { start, end } = table.range();
    const range =
      after.length === 0 ? { start, end } : { start: Buffer.concat([after, Buffer.alloc(1)]), end };
    for await (const page of this.#parts.kv.scan(range, { pageEntries: REWRAP_PAGE_ENTRIES })) return page;
    return [];
  }

  async #rewrap(pass: Pass, table: SealedTable, page: readonly Entry[]): Promise<void> {
    const { keyring, kv } = this.#parts;
    const stale: Key[] = [];
    for (const entry of page) {
      const encryption = table.encryptionOf(entry);
      if (encryption === undefined) continue;
      const needs = keyring.rewrapped(pass.goal, encryption) !== undefined;
      if (needs) stale.push(entry.key);
      if (needs || keyring.isInTheWay(pass.goal, encryption))
        pass.matched.set(encryption.keyId, (pass.matched.get(encryption.keyId) ?? 0) + 1);
    }
    if (stale.length === 0) return;
    await kv.transact('buffered', async (tx) => {
      const rows = await tx.getMany(stale);
      for (const [index, value] of rows.entries()) {
        const key = stale[index];
        if (key === undefined || value === undefined) continue;
        const encryption = table.encryptionOf({ key, value });
        const fresh = encryption && keyring.rewrapped(pass.goal, encryption);
        if (fresh !== undefined) tx.put(key, table.changed({ key, value }, fresh));
      }
    });
  }
}
