import { createHash } from 'node:crypto';
import { constants, promises as fs, type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { platform } from 'node:os';
import type { Clock } from './environment.ts';
import { Refused } from './refused.ts';

/** 4 bytes for the tree, 8 each for device, inode and time of birth: good for as long as the file lives, also over a restart. */
export const handleBytes = 28;
/** Names known by handle, and what a search for a handle from before a restart looks at. */
const namesMax = 1_000_000;
/** Handles of files that are known to be gone. */
const goneMax = 10_000;
/** Between two such searches: a client with a handle of a file that is gone must not keep the server searching. */
const searchMsMin = 1_000;
const nofollow = constants.O_NOFOLLOW;

/** Where a file was last seen. */
interface Known {
  /** The directory's handle, as text. `undefined`: the root. */
  readonly parent: string | undefined;
  /** In Latin-1, a character a byte: names need not be UTF-8. */
  readonly name: string;
}

/** What the procedures share. */
export interface Shared {
  readonly tree: DirectoryTree;
  readonly clock: Clock;
  readonly isReadOnly: boolean;
  /** New with every start: what was written UNSTABLE may be lost with the machine, and a new process cannot know (RFC 1813 §3.3.7). */
  readonly writeVerifier: Uint8Array;
}

/** A file that was found where it was last seen. */
export interface Located {
  readonly handle: string;
  readonly path: Buffer;
  readonly stats: BigIntStats;
}

const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.ino === other.ino && one.dev === other.dev && one.birthtimeNs === other.birthtimeNs;

const failsAs = (failure: unknown, ...codes: readonly string[]): boolean =>
  failure instanceof Error && 'code' in failure && codes.includes(String(failure.code));

/**
 * The files below one directory by handles. A handle names a file, not a path: whatever a path leads to is used only when it is
 * that file, so neither a symlink nor a rename behind the server's back leads out of the tree.
 */
export class DirectoryTree {
  readonly #root: string;
  readonly #id: Buffer;
  readonly #monotonic: () => number;
  readonly rootHandle: string;
  readonly #known = new Map<string, Known>();
  readonly #gone = new Set<string>();
  #searching: Promise<void> | undefined;
  #searchedAt = -Infinity;

  private constructor(root: string, stats: BigIntStats, monotonic: () => number) {
    this.#root = root;
    this.#monotonic = monotonic;
    this.#id = createHash('sha256').update(`${stats.dev} ${stats.ino}`).digest().subarray(0, 4);
    this.rootHandle = this.handleOf(stats);
    this.#known.set(this.rootHandle, { parent: undefined, name: '' });
  }

  /** Rejects when `path` is no directory. */
  static async open(path: string, monotonic: () => number): Promise<DirectoryTree> {
    const root = await fs.realpath(path);
    const stats = await fs.lstat(root, { bigint: true });
    if (!stats.isDirectory()) throw new Error(`${path} is no directory`);
    return new DirectoryTree(Buffer.from(root).toString('latin1'), stats, monotonic);
  }

  handleOf({ dev, ino, birthtimeNs }: BigIntStats): string {
    const bytes = Buffer.alloc(handleBytes);
    this.#id.copy(bytes);
    [dev, ino, birthtimeNs].forEach((word, index) =>
      bytes.writeBigUInt64BE(BigInt.asUintN(64, word), 4 + 8 * index),
    );
    return bytes.toString('latin1');
  }

  /** Notes that `name` in the directory is this file. Its handle. */
  seen(parent: string, name: string, stats: BigIntStats): string {
    const handle = this.handleOf(stats);
    if (handle === this.rootHandle) return handle;
    this.#gone.delete(handle);
    this.#known.delete(handle);
    this.#known.set(handle, { parent, name });
    for (const [oldest] of this.#known) {
      if (this.#known.size <= namesMax) break;
      if (oldest !== this.rootHandle) this.#known.delete(oldest);
    }
    return handle;
  }

  /** Notes that a name of the file was taken away. */
  unnamed(stats: BigIntStats): void {
    const handle = this.handleOf(stats);
    this.#known.delete(handle);
    if (!stats.isDirectory() && stats.nlink > 1n) return;
    this.#gone.add(handle);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= goneMax) break;
      this.#gone.delete(oldest);
    }
  }

  parentOf(handle: string): string {
    return this.#known.get(handle)?.parent ?? this.rootHandle;
  }

  /** Faults: Refused. */
  async locate(bytes: Uint8Array): Promise<Located> {
    const handle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    if (bytes.length !== handleBytes) throw new Refused('NFS3ERR_BADHANDLE');
    if (!handle.startsWith(this.#id.toString('latin1'))) throw new Refused('NFS3ERR_STALE');
    const found = (await this.#look(handle)) ?? (await this.#search(handle));
    if (found === undefined) throw new Refused('NFS3ERR_STALE');
    return found;
  }

  /** The file, open. Faults: Refused when another one has come in its place. */
  async openFile({ path, stats }: Located, flags: number): Promise<FileHandle> {
    // A pipe would wait for somebody to open its other end.
    const file = await fs.open(path, flags | nofollow | constants.O_NONBLOCK);
    if (isSame(await file.stat({ bigint: true }), stats)) return file;
    await file.close();
    throw new Refused('NFS3ERR_STALE');
  }

  /**
   * Runs with a path to each name of the directory that stays in it whatever happens to the directory's own path: on Linux by the
   * way of the open directory. Where the operating system has no such way, a local user who swaps directories for symlinks at
   * that moment could win.
   */
  async within<T>(
    directory: Located,
    run: (pathOf: (name: string) => Buffer, directory: FileHandle) => Promise<T>,
  ): Promise<T> {
    const open = await this.openFile(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const isLinux = platform() === 'linux';
      const base = isLinux ? `/proc/self/fd/${open.fd}` : directory.path.toString('latin1');
      return await run((name) => Buffer.from(`${base}/${name}`, 'latin1'), open);
    } finally {
      await open.close();
    }
  }

  /** Where it was last seen, if it is there. */
  async #look(handle: string): Promise<Located | undefined> {
    const names: string[] = [];
    for (let at = this.#known.get(handle); at?.parent !== undefined; at = this.#known.get(at.parent)) {
      names.unshift(at.name);
    }
    if (names.length === 0 && handle !== this.rootHandle) return undefined;
    const path = Buffer.from([this.#root, ...names].join('/'), 'latin1');
    try {
      const stats = await fs.lstat(path, { bigint: true });
      return this.handleOf(stats) === handle ? { handle, path, stats } : undefined;
    } catch (failure) {
      if (failsAs(failure, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
      throw failure;
    }
  }

  /** After a restart, or when somebody else has moved it: looks through the tree. */
  async #search(handle: string): Promise<Located | undefined> {
    if (this.#gone.has(handle)) return undefined;
    if (this.#searching === undefined) {
      // The client asks again in a while.
      if (this.#monotonic() - this.#searchedAt < searchMsMin) throw new Refused('NFS3ERR_JUKEBOX');
      this.#searching = this.#lookThrough().finally(() => {
        this.#searchedAt = this.#monotonic();
        this.#searching = undefined;
      });
    }
    await this.#searching;
    return this.#look(handle);
  }

  async #lookThrough(): Promise<void> {
    const directories = [{ handle: this.rootHandle, path: this.#root }];
    let left = namesMax;
    for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
      for (const { name, stats } of await entriesOf(at.path)) {
        left -= 1;
        if (left < 0) return;
        const handle = this.seen(at.handle, name, stats);
        if (stats.isDirectory()) directories.push({ handle, path: `${at.path}/${name}` });
      }
    }
  }
}

/** Path and names in Latin-1. What goes away meanwhile is left out. */
async function entriesOf(path: string): Promise<readonly { name: string; stats: BigIntStats }[]> {
  const entries: { name: string; stats: BigIntStats }[] = [];
  try {
    for (const bytes of await fs.readdir(Buffer.from(path, 'latin1'), { encoding: 'buffer' })) {
      const name = bytes.toString('latin1');
      const stats = await fs
        .lstat(Buffer.from(`${path}/${name}`, 'latin1'), { bigint: true })
        .catch(() => undefined);
      if (stats !== undefined) entries.push({ name, stats });
    }
  } catch (failure) {
    if (!failsAs(failure, 'ENOENT', 'ENOTDIR', 'EACCES')) throw failure;
  }
  return entries;
}
