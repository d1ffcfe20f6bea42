import assert from 'node:assert/strict';
import type { Time } from '../environment.ts';
import type { KvTransaction, Merged } from '../kv/kv.ts';
import { needsAliasRow, digestOf } from './alias.ts';
import { directoryAttributes, loadWholeDirectory } from './attributes.ts';
import {
  applyDelta,
  decodeDirectory,
  encodeDelta,
  encodeDirectory,
  type DirectoryDelta,
  type DirectoryRow,
} from './directory-row.ts';
import { pairOf, type Pair } from './find.ts';
import { aliasKey, dentryKey, directoryKey, entryName, folderKey, inodeKey, orderKey } from './keys.ts';
import type { Change, Ino, Kind, Name } from './namespace.ts';
import { encodeDentry, encodeInode, encodeOrder, type Dentry, type Inode } from './records.ts';

interface DirectoryEdit {
  entries: number;
  subdirectories: number;
  clashes: number;
  /** Known when the directory is new or was loaded to look at its counts; else the change is merged. */
  row: DirectoryRow | undefined;
  before: DirectoryRow | undefined;
  merged: Merged | undefined;
  isGone: boolean;
}

/** An entry as this transaction has made it. */
export interface Entered {
  readonly key: Uint8Array;
  readonly dentry: Dentry;
}

interface Entry {
  readonly ino: Ino;
  readonly kind: Kind;
  readonly beside: Pair;
  readonly ordinal?: number | undefined;
}

/**
 * The changes of names of one transaction. Each directory is written once, when `finish` is called: by a merge, which
 * never conflicts, unless its counts had to be looked at.
 */
export class TreeEdit {
  readonly tx: KvTransaction;
  readonly now: Time;
  readonly #generation: number;
  readonly #nextOrdinal: () => number;
  readonly #directories = new Map<Ino, DirectoryEdit>();

  constructor(tx: KvTransaction, { now, nextId }: { now: Time; nextId: () => number }) {
    this.tx = tx;
    this.now = now;
    this.#generation = nextId();
    this.#nextOrdinal = nextId;
  }

  /**
   * Enters a name. `beside`: what is there under the same name, which is of the other kind if anything. `ordinal`: the place of
   * an entry of that name that this edit removed, so that a listing under way does not meet the name a second time.
   */
  add(parent: Ino, name: Name, { ino, kind, beside, ordinal }: Entry): Entered {
    const edit = this.#edit(parent);
    edit.entries += 1;
    if (kind === 'directory') edit.subdirectories += 1;
    if (beside.file !== undefined || beside.directory !== undefined) edit.clashes += 1;
    if (needsAliasRow(name)) this.tx.put(aliasKey(parent, digestOf(name)), name);
    return this.#put(parent, name, { ino, kind, ordinal: ordinal ?? this.#nextOrdinal() });
  }

  /** Lets an entry lead to another inode of its kind of entry; it keeps its place in the directory. */
  replace(parent: Ino, name: Name, { ino, kind, old }: { ino: Ino; kind: Kind; old: Dentry }): Entered {
    assert.equal(kind === 'directory', old.kind === 'directory');
    this.#edit(parent);
    return this.#put(parent, name, { ino, kind, ordinal: old.ordinal });
  }

  async remove(parent: Ino, name: Name, old: Dentry): Promise<void> {
    const edit = this.#edit(parent);
    const isDirectory = old.kind === 'directory';
    const beside = await pairOf(this.tx, parent, name);
    const isClash = beside.file !== undefined && beside.directory !== undefined;
    edit.entries -= 1;
    if (isDirectory) edit.subdirectories -= 1;
    if (isClash) edit.clashes -= 1;
    else if (needsAliasRow(name)) this.tx.delete(aliasKey(parent, digestOf(name)));
    this.tx.delete(dentryKey(parent, entryName(name, isDirectory)));
    this.tx.delete(orderKey(parent, old.ordinal));
  }

  #put(parent: Ino, name: Name, dentry: Dentry): Entered {
    const entry = entryName(name, dentry.kind === 'directory');
    const key = dentryKey(parent, entry);
    this.tx.put(key, encodeDentry(dentry));
    this.tx.put(orderKey(parent, dentry.ordinal), encodeOrder(entry, dentry.ino));
    return { key, dentry };
  }

  /** Writes a new, empty directory; the caller enters its name. */
  makeDirectory(inode: Inode): void {
    const { now } = this;
    const row = {
      entries: 0,
      subdirectories: 0,
      clashes: 0,
      mtime: now,
      ctime: now,
      contentGeneration: this.#generation,
    };
    this.tx.put(inodeKey(inode.ino), encodeInode(inode));
    this.#directories.set(inode.ino, Object.assign(this.#fresh(), { row, before: row }));
  }

  /** The row as it will be after the edits so far. Looking at it makes this transaction conflict with others there. */
  async load(directory: Ino): Promise<{ inode: Inode; row: DirectoryRow }> {
    const { inode, row } = await loadWholeDirectory(this.tx, directory);
    const edit = this.#edit(directory);
    edit.row ??= row;
    edit.before ??= row;
    return { inode, row: this.#applied(edit, edit.row) };
  }

  /** Deletes an empty directory's records; the caller removes its name. */
  unmake(directory: Ino): void {
    this.tx.delete(inodeKey(directory));
    this.tx.delete(directoryKey(directory));
    this.tx.delete(folderKey(directory));
    this.#edit(directory).isGone = true;
  }

  /** Marks the directory as changed although no entry was. */
  touch(directory: Ino): void {
    this.#edit(directory);
  }

  finish(): void {
    for (const [ino, edit] of this.#directories) {
      if (edit.isGone) continue;
      if (edit.row === undefined)
        edit.merged = this.tx.merge(directoryKey(ino), encodeDelta(this.#delta(edit)));
      else {
        edit.row = this.#applied(edit, edit.row);
        this.tx.put(directoryKey(ino), encodeDirectory(edit.row));
      }
    }
  }

  /** How the directory changed, once the transaction has committed. */
  change(inode: Inode): Change {
    const edit = this.#directories.get(inode.ino);
    assert(edit !== undefined);
    const before = edit.merged?.before === undefined ? edit.before : decodeDirectory(edit.merged.before);
    const after = edit.merged?.after === undefined ? edit.row : decodeDirectory(edit.merged.after);
    assert(before !== undefined && after !== undefined, 'the change is known after the commit');
    return { before: directoryAttributes(inode, before), after: directoryAttributes(inode, after) };
  }

  #fresh(): DirectoryEdit {
    return {
      entries: 0,
      subdirectories: 0,
      clashes: 0,
      row: undefined,
      before: undefined,
      merged: undefined,
      isGone: false,
    };
  }

  #edit(directory: Ino): DirectoryEdit {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const fresh = this.#fresh();
    this.#directories.set(directory, fresh);
    return fresh;
  }

  #delta({ entries, subdirectories, clashes }: DirectoryEdit): DirectoryDelta {
    return { entries, subdirectories, clashes, now: this.now, contentGeneration: this.#generation };
  }

  #applied(edit: DirectoryEdit, row: DirectoryRow): DirectoryRow {
    return applyDelta(row, this.#delta(edit));
  }
}
