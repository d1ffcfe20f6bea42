import type { Ino } from '../../src/namespace/namespace.ts';

/** What must hold of a key for a PUT or DELETE to take place: nothing, that there is no object, or that it has this content. */
export type Condition = 'none' | 'absent' | { readonly content: string };

/** What HEAD tells. The ETag is the content that S3 was given, or `opaque` for a file that NFS has changed. */
export interface Head {
  readonly size: number;
  readonly etag: string;
}

/**
 * Both doors of one bucket as clients use them. Inodes are named by their numbers, contents are ASCII texts. What is
 * refused is a Fault with the code that the model of the namespace has for it.
 */
export interface Doors {
  put(key: string, content: string, condition: Condition): Promise<void>;
  get(key: string): Promise<string | undefined>;
  head(key: string): Promise<Head | undefined>;
  deleteKey(key: string, condition: Condition): Promise<void>;
  renameKey(from: string, to: string): Promise<void>;
  list(prefix: string): Promise<readonly string[]>;

  lookup(directory: Ino, name: string): Promise<Ino>;
  create(directory: Ino, name: string, wish: CreateWish): Promise<Ino>;
  makeDirectory(directory: Ino, name: string): Promise<Ino>;
  remove(directory: Ino, name: string): Promise<void>;
  removeDirectory(directory: Ino, name: string): Promise<void>;
  rename(from: Place, to: Place): Promise<void>;
  /** Names in no order. */
  readDirectory(directory: Ino): Promise<readonly string[]>;
  readFile(ino: Ino): Promise<string>;
  write(ino: Ino, at: { readonly offset: number; readonly stable: boolean }, data: string): Promise<void>;
  commit(ino: Ino): Promise<void>;
  truncate(ino: Ino, size: number): Promise<void>;
}

export interface CreateWish {
  readonly how: 'guarded' | 'unchecked';
  readonly size: number | undefined;
}

export interface Place {
  readonly directory: Ino;
  readonly name: string;
}

/** The call may have been carried out or not: whoever was asked died before an answer came. */
export class Unanswered extends Error {}

/** No file of a round is longer. */
export const FILE_BYTES_MAX = 65_536;
/** More than a directory or bucket of a round ever has: what is listed is listed by one call. */
export const ENTRIES_MAX = 100;
