import type { KvReader } from '../kv/kv.ts';
import { inodeKey } from './keys.ts';
import { parentOf } from './names.ts';
import type { Ino, ObjectKey } from './namespace.ts';
import { decodeInode, type EntryName, type Inode } from './records.ts';

/** Inodes and their names as of one look; what lies on the way to several of them is read once. */
export class FileNames {
  readonly #kv: KvReader;
  readonly #inodes = new Map<Ino, Inode | undefined>();
  /** Of directories: with a slash behind it; `undefined`: not to be told. */
  readonly #prefixes = new Map<Ino, Promise<Uint8Array | undefined>>();

  constructor(kv: KvReader) {
    this.#kv = kv;
  }

  /** Reads several at once, for `inode`. */
  async load(inos: readonly Ino[]): Promise<void> {
    const wanted = [...new Set(inos)].filter((ino) => !this.#inodes.has(ino));
    const rows = await this.#kv.getMany(wanted.map(inodeKey));
    for (const [index, ino] of wanted.entries()) {
      const row = rows[index];
      this.#inodes.set(ino, row && decodeInode(ino, row));
    }
  }

  async inode(ino: Ino): Promise<Inode | undefined> {
    if (!this.#inodes.has(ino)) await this.load([ino]);
    return this.#inodes.get(ino);
  }

  /** `undefined`: a directory on the way has gone meanwhile. */
  async keyOf({ parent, name }: EntryName): Promise<ObjectKey | undefined> {
    const prefix = await this.#prefixOf(parent);
    return prefix && Buffer.concat([prefix, name]);
  }

  /** Empty for one that has gone. */
  async bucketName(bucket: Ino): Promise<string> {
    const name = (await this.inode(bucket))?.names[0]?.name ?? NOTHING;
    return Buffer.from(name).toString('utf8');
  }

  #prefixOf(directory: Ino): Promise<Uint8Array | undefined> {
    const known = this.#prefixes.get(directory);
    if (known !== undefined) return known;
    const prefix = this.#readPrefix(directory);
    this.#prefixes.set(directory, prefix);
    return prefix;
  }

  async #readPrefix(directory: Ino): Promise<Uint8Array | undefined> {
    const inode = await this.inode(directory);
    if (inode === undefined) return undefined;
    if (inode.ino === inode.bucket) return NOTHING;
    const above = await this.#prefixOf(parentOf(inode));
    return above && Buffer.concat([above, inode.names[0]?.name ?? NOTHING, SLASH]);
  }
}

const NOTHING = new Uint8Array(0);
const SLASH = Uint8Array.of(0x2f);
