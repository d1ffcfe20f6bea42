import type { Fattr3, Nfstime3, Sattr3, SetTime, Specdata3, WccData } from './attributes.ts';
import type { Clock } from './environment.ts';

/** One file of any type. Its handle is its id, as 8 bytes; ids are never used twice. */
export interface MemoryNode {
  readonly id: number;
  readonly type: Fattr3['type'];
  readonly rdev: Specdata3;
  /** Of a symlink. */
  readonly target: Uint8Array;
  /** Of a directory, by name in Latin-1, in the order of their cookies. */
  readonly entries: Map<string, MemoryEntry>;
  /** Of a directory: where `..` leads. */
  parent: MemoryNode | undefined;
  /** Of a regular file: content in [0, size), zeros behind it. */
  content: Uint8Array;
  /** Of a file made by an exclusive create, until its first SETATTR (RFC 1813 §3.3.8). */
  verifier: Uint8Array | undefined;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  linkCount: number;
  atime: Nfstime3;
  mtime: Nfstime3;
  ctime: Nfstime3;
}

export interface MemoryEntry {
  readonly name: Uint8Array;
  readonly node: MemoryNode;
  /** Grows with every entry that is made, so it stays good while others come and go. 1 and 2 are `.` and `..`. */
  readonly cookie: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const noBytes = new Uint8Array(0);
const blockBytes = 4096;

export const nameKey = (name: Uint8Array): string =>
  Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');

/** Nodes, names and bytes; no protocol. */
export class MemoryTree {
  readonly root: MemoryNode;
  readonly #clock: Clock;
  readonly #nodes = new Map<number, MemoryNode>();
  #nextId = 1;
  #nextCookie = 3;
  #lastTime: Nfstime3 = { seconds: 0, nseconds: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.root = this.make('NF3DIR', { uid: 0, gid: 0 }, {});
    this.root.mode = 0o755;
    this.root.linkCount = 2;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  node(id: number): MemoryNode | undefined {
    return this.#nodes.get(id);
  }

  /** Advances with every call, so that two changes never share a ctime: clients tell versions apart by it. */
  now(): Nfstime3 {
    const { seconds, nanoseconds } = this.#clock.wall();
    const last = this.#lastTime;
    const isLater = seconds > last.seconds || (seconds === last.seconds && nanoseconds > last.nseconds);
    const next = { seconds: last.seconds, nseconds: last.nseconds + 1 };
    this.#lastTime = isLater ? { seconds, nseconds: nanoseconds } : next;
    return this.#lastTime;
  }

  /** A node without a name. */
  make(
    type: MemoryNode['type'],
    owner: Owner,
    special: Partial<Pick<MemoryNode, 'target' | 'rdev'>>,
  ): MemoryNode {
    const time = this.now();
    const target = special.target ?? noBytes;
    const node: MemoryNode = {
      id: this.#nextId++,
      type,
      rdev: special.rdev ?? { specdata1: 0, specdata2: 0 },
      target,
      entries: new Map(),
      parent: undefined,
      content: noBytes,
      verifier: undefined,
      size: target.length,
      mode: type === 'NF3DIR' ? 0o755 : 0o644,
      uid: owner.uid,
      gid: owner.gid,
      linkCount: 0,
      atime: time,
      mtime: time,
      ctime: time,
    };
    this.#nodes.set(node.id, node);
    return node;
  }

  find(directory: MemoryNode, name: Uint8Array): MemoryNode | undefined {
    const key = nameKey(name);
    if (key === '.') return directory;
    if (key === '..') return directory.parent ?? directory;
    return directory.entries.get(key)?.node;
  }

  attach(directory: MemoryNode, name: Uint8Array, node: MemoryNode): void {
    const copy = Uint8Array.from(name);
    directory.entries.set(nameKey(name), { name: copy, node, cookie: this.#nextCookie++ });
    if (node.type === 'NF3DIR') {
      node.parent = directory;
      directory.linkCount += 1;
      node.linkCount = 2;
    } else node.linkCount += 1;
    this.#touch(directory);
    node.ctime = this.now();
  }

  detach(directory: MemoryNode, name: Uint8Array): void {
    const key = nameKey(name);
    const node = directory.entries.get(key)?.node;
    if (node === undefined) return;
    directory.entries.delete(key);
    this.#touch(directory);
    node.ctime = this.now();
    if (node.type === 'NF3DIR') {
      directory.linkCount -= 1;
      node.linkCount = 0;
    } else node.linkCount -= 1;
    if (node.linkCount === 0) this.#nodes.delete(node.id);
  }

  /** Moves a name; what had the new name before must be detached already. */
  move(
    from: { directory: MemoryNode; name: Uint8Array },
    to: { directory: MemoryNode; name: Uint8Array },
  ): void {
    const node = from.directory.entries.get(nameKey(from.name))?.node;
    if (node === undefined) return;
    from.directory.entries.delete(nameKey(from.name));
    if (node.type === 'NF3DIR') from.directory.linkCount -= 1;
    else node.linkCount -= 1;
    this.#touch(from.directory);
    this.attach(to.directory, to.name, node);
  }

  read(node: MemoryNode, offset: number, count: number): Uint8Array {
    node.atime = this.now();
    return node.content.slice(Math.min(offset, node.size), Math.min(offset + count, node.size));
  }

  write(node: MemoryNode, offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    this.#reserve(node, end);
    node.content.set(data, offset);
    node.size = Math.max(node.size, end);
    this.#touch(node);
  }

  setAttributes(node: MemoryNode, wish: Sattr3): void {
    if (wish.size !== undefined) {
      this.#reserve(node, wish.size);
      node.content.fill(0, wish.size, node.size);
      node.size = wish.size;
      node.mtime = this.now();
    }
    node.mode = wish.mode ?? node.mode;
    node.uid = wish.uid ?? node.uid;
    node.gid = wish.gid ?? node.gid;
    node.atime = this.#time(wish.atime, node.atime);
    node.mtime = this.#time(wish.mtime, node.mtime);
    node.ctime = this.now();
  }

  #time(wish: SetTime, present: Nfstime3): Nfstime3 {
    if (wish.set_it === 'SET_TO_CLIENT_TIME') return wish.time;
    return wish.set_it === 'SET_TO_SERVER_TIME' ? this.now() : present;
  }

  #reserve(node: MemoryNode, length: number): void {
    if (length <= node.content.length) return;
    const grown = new Uint8Array(Math.max(length, 2 * node.content.length));
    grown.set(node.content.subarray(0, node.size));
    node.content = grown;
  }

  #touch(node: MemoryNode): void {
    node.mtime = this.now();
    node.ctime = node.mtime;
  }
}

export const attributesOf = (node: MemoryNode): Fattr3 => ({
  type: node.type,
  mode: node.mode,
  nlink: node.linkCount,
  uid: node.uid,
  gid: node.gid,
  size: node.type === 'NF3DIR' ? blockBytes : node.size,
  used: Math.ceil(node.size / blockBytes) * blockBytes,
  rdev: node.rdev,
  fsid: 1,
  fileid: node.id,
  atime: node.atime,
  mtime: node.mtime,
  ctime: node.ctime,
});

/** What the node was before a change; give it to `wccOf` after. */
export const wccBefore = (node: MemoryNode): NonNullable<WccData['before']> => ({
  size: attributesOf(node).size,
  mtime: node.mtime,
  ctime: node.ctime,
});
export const wccOf = (before: WccData['before'], node: MemoryNode): WccData => ({
  before,
  after: attributesOf(node),
});
