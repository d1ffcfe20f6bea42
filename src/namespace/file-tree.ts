import type { Time } from '../environment.ts';
import type { Attributes, Caller, Change, Ino, PosixName } from './namespace.ts';

/** A name in a directory and what it leads to. */
export interface NamedEntry {
  readonly name: PosixName;
  /** Pass it as `after` to go on behind this entry; stays good when the entry is gone. Always > 2. */
  readonly cookie: number;
  readonly ino: Ino;
}

export interface DirectoryEntry extends NamedEntry {
  readonly attributes: Attributes;
}

/** A part of a directory. */
export interface Listing<Entry extends NamedEntry> {
  readonly entries: readonly Entry[];
  /** Nothing follows the last entry. */
  readonly eof: boolean;
  readonly directory: Attributes;
}

/** `undefined` members stay as they are. 'now' is the server's clock. */
export interface AttributeWish {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
  readonly atime?: Time | 'now' | undefined;
  readonly mtime?: Time | 'now' | undefined;
}

/** Exclusive: 8 bytes that make a retry of the same create succeed (RFC 1813 §3.3.8). */
export type CreateMode =
  { readonly how: 'unchecked' | 'guarded' } | { readonly how: 'exclusive'; readonly verifier: Uint8Array };

/** What mknod makes besides files and directories. */
export type SpecialFile =
  | { readonly kind: 'symlink'; readonly target: Uint8Array }
  | { readonly kind: 'fifo' | 'socket' }
  | { readonly kind: 'block' | 'character'; readonly device: Attributes['device'] };

export interface Created {
  readonly directory: Change;
  readonly attributes: Attributes;
}

/** A name in a directory. */
export interface Place {
  readonly directory: Ino;
  readonly name: PosixName;
}

/** The tree as POSIX sees it. Every change of names or attributes is durable before it resolves. */
export interface FileTree {
  root(): Ino;
  attributes(ino: Ino): Promise<Attributes>;
  /** The granted subset of `wanted`, bits of NFS ACCESS3 (RFC 1813 §3.3.4). */
  access(caller: Caller, ino: Ino, wanted: number): Promise<{ granted: number; attributes: Attributes }>;
  /** `.` and `..` are understood. */
  lookup(caller: Caller, place: Place): Promise<{ attributes: Attributes; directory: Attributes }>;
  /** `guard` is the ctime the client believes in; Fault('not-sync') when it differs (RFC 1813 §3.3.2). */
  setAttributes(
    caller: Caller,
    ino: Ino,
    request: { readonly wish: AttributeWish; readonly guard?: Time | undefined },
  ): Promise<Change>;
  readlink(caller: Caller, ino: Ino): Promise<{ target: Uint8Array; attributes: Attributes }>;
  /**
   * `parts` stay as they are until `letGo`, which may be called once, when nobody looks at them any more: their memory is
   * then used again.
   */
  read(
    caller: Caller,
    ino: Ino,
    range: { readonly offset: number; readonly length: number },
  ): Promise<{
    parts: readonly Uint8Array[];
    length: number;
    eof: boolean;
    attributes: Attributes;
    letGo: () => void;
  }>;
  /** Visible to both doors when it resolves; with `stable` also durable. May keep `data`: the caller must not change it. */
  write(
    caller: Caller,
    ino: Ino,
    request: { readonly offset: number; readonly data: Uint8Array; readonly stable: boolean },
  ): Promise<Change>;
  /** Everything written to `ino` before the call is durable when it resolves. */
  commit(caller: Caller, ino: Ino): Promise<Change>;
  create(
    caller: Caller,
    place: Place,
    request: { readonly mode: CreateMode; readonly wish: AttributeWish },
  ): Promise<Created>;
  makeDirectory(caller: Caller, place: Place, wish: AttributeWish): Promise<Created>;
  makeSpecial(
    caller: Caller,
    place: Place,
    request: { readonly special: SpecialFile; readonly wish: AttributeWish },
  ): Promise<Created>;
  remove(caller: Caller, place: Place): Promise<Change>;
  removeDirectory(caller: Caller, place: Place): Promise<Change>;
  rename(
    caller: Caller,
    places: { readonly from: Place; readonly to: Place },
  ): Promise<{ from: Change; to: Change }>;
  link(caller: Caller, ino: Ino, place: Place): Promise<{ directory: Change; attributes: Attributes }>;
  /** Without `.` and `..`. `after` 0 is the start. */
  entries(
    caller: Caller,
    directory: Ino,
    page: { readonly after: number; readonly entriesMax: number },
  ): Promise<Listing<DirectoryEntry>>;
  /** The same without a look at what the names lead to. */
  names(
    caller: Caller,
    directory: Ino,
    page: { readonly after: number; readonly entriesMax: number },
  ): Promise<Listing<NamedEntry>>;
  /** Of the file system that the inode is in: the quota of its bucket is its size. */
  statistics(ino: Ino): Promise<Statistics>;
  /** By name, as xattr(7) names them. They survive an edit of the content; S3 user metadata lives beside them. */
  extendedAttributes(caller: Caller, ino: Ino): Promise<ReadonlyMap<string, Uint8Array>>;
  /** `undefined` removes; Fault('not-found') when there is none, 'no-space' when all of an inode's would be too long. */
  setExtendedAttribute(
    caller: Caller,
    ino: Ino,
    attribute: { readonly name: string; readonly value: Uint8Array | undefined },
  ): Promise<void>;
}

export interface Statistics {
  readonly bytesTotal: number;
  readonly bytesFree: number;
  readonly inodesTotal: number;
  readonly inodesFree: number;
}
