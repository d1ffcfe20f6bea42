import type { KvTransaction } from '../../kv/kv.ts';
import { DETACH_ROWS } from '../../limits/tiering.ts';
import type { BlobId } from '../../tiering/blobs.ts';
import { editOf } from '../create.ts';
import { againRange, broughtRange, folderKey, keyOfBroughtKey, type BroughtKind } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { countingOf } from '../quota/counting.ts';
import type { ForeignParts } from './bring.ts';
import { cutSome } from './cut.ts';
import { removeGone } from './gone.ts';
import { pruneUpwards } from './prune.ts';
import { decodeBrought, type Binding } from './records.ts';

export interface DetachParts extends ForeignParts {
  /** See Tiering.wayOut. */
  readonly wayOut: (
    binding: Binding['id'],
    after: BlobId | 0,
  ) => Promise<{
    readonly left: number;
    readonly tooLong: readonly BlobId[];
    readonly next: BlobId | undefined;
  }>;
}

/**
 * The end of a binding, step by step; a new one begins after a restart, and finds less to do. Directories stop standing for
 * folders; what nobody has changed here goes, and so do directories that are empty then; what was made here of content that
 * lies there gets it, as far as it can be moved. `isOver`: no row names the binding any more.
 */
export class Detaching {
  readonly #parts: DetachParts;
  readonly #binding: Binding;
  #stage: 'folders' | 'objects' | 'directories' | 'garbage' | 'blobs' = 'folders';
  #folder = '';
  #blob: BlobId | 0 = 0;
  #leftSoFar = 0;
  /** Blobs that are cut before they can come. */
  readonly #tooLong = new Set<BlobId>();
  /** Blobs of what was made here that are still only there; known after the first look at all. */
  left: number | undefined;

  constructor(parts: DetachParts, binding: Binding) {
    this.#parts = parts;
    this.#binding = binding;
  }

  /** One bounded unit. `over`: done; `waiting`: something is left that only time or a user changes. */
  async step(): Promise<'busy' | 'waiting' | 'over'> {
    switch (this.#stage) {
      case 'folders':
        if (!(await this.#unbindFolders())) this.#stage = 'objects';
        return 'busy';
      case 'objects':
        if (!(await this.#removeObjects())) this.#stage = 'directories';
        return 'busy';
      case 'directories':
        if (!(await this.#pruneDirectories())) this.#stage = 'garbage';
        return 'busy';
      case 'garbage':
        // What has gone just now need not come home.
        if (!(await this.#parts.blobs.collect())) this.#stage = 'blobs';
        return 'busy';
      case 'blobs':
        return this.#lookAtBlobs();
    }
  }

  async #unbindFolders(): Promise<boolean> {
    const { bucket } = this.#binding;
    const rows = await this.#rows('folder', this.#folder);
    await this.#parts.kv.transact('buffered', async (tx) => {
      if (this.#folder === '') await forgetAgain(tx, bucket);
      for (const ino of [bucket, ...rows.map(({ ino }) => ino)]) if (ino !== 0) tx.delete(folderKey(ino));
    });
    this.#folder = rows.at(-1)?.key ?? this.#folder;
    return rows.length > 0;
  }

  async #removeObjects(): Promise<boolean> {
    const { parts, bucket } = { parts: this.#parts, bucket: this.#binding.bucket };
    const rows = await this.#rows('object', '');
    if (rows.length === 0) return false;
    const mark = parts.sequence.next();
    await parts.kv.transact('durable', async (tx) => {
      countingOf(tx).admit();
      const edit = editOf(parts, tx);
      const emptied = new Set<Ino>();
      for (const { key } of rows)
        for (const parent of await removeGone({ parts, edit }, { bucket, key, mark })) emptied.add(parent);
      for (const directory of emptied) await pruneUpwards(edit, directory);
      edit.finish();
    });
    return true;
  }

  /** Those that had never been listed, and hold nothing. */
  async #pruneDirectories(): Promise<boolean> {
    const parts = this.#parts;
    const rows = await this.#rows('folder', '');
    if (rows.length === 0) return false;
    await parts.kv.transact('durable', async (tx) => {
      const edit = editOf(parts, tx);
      for (const { ino, row } of rows) {
        if (ino !== 0) await pruneUpwards(edit, ino);
        tx.delete(row);
      }
      edit.finish();
    });
    return true;
  }

  async #lookAtBlobs(): Promise<'busy' | 'waiting' | 'over'> {
    for (const long of this.#tooLong) {
      if (await cutSome(this.#parts, long)) return 'busy';
      this.#tooLong.delete(long);
    }
    const { left, tooLong, next } = await this.#parts.wayOut(this.#binding.id, this.#blob);
    this.#leftSoFar += left;
    for (const long of tooLong) this.#tooLong.add(long);
    this.#blob = next ?? 0;
    if (next !== undefined) return 'busy';
    this.left = this.#leftSoFar;
    this.#leftSoFar = 0;
    return this.left === 0 ? 'over' : 'waiting';
  }

  async #rows(
    kind: BroughtKind,
    after: string,
  ): Promise<readonly { readonly key: string; readonly ino: Ino | 0; readonly row: Uint8Array }[]> {
    const range = broughtRange(this.#binding.bucket, kind, { prefix: '', after });
    for await (const page of this.#parts.kv.scan(range, { pageEntries: DETACH_ROWS }))
      return page.map(({ key: row, value }) => ({
        key: keyOfBroughtKey(row),
        ino: decodeBrought(value).ino,
        row,
      }));
    return [];
  }
}

/** Nothing is looked at again. */
async function forgetAgain(tx: KvTransaction, bucket: Ino): Promise<void> {
  for await (const page of tx.scan(againRange(bucket), { pageEntries: DETACH_ROWS }))
    for (const { key } of page) tx.delete(key);
}
