import { hasOwnKey } from '../keyring/encryption.ts';
import type { KvReader } from '../kv/kv.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { Nameless, ObjectRun, ShownBlob, WholeObject, WholeObjects } from '../tiering/whole-objects.ts';
import { facetOf } from './attributes.ts';
import { belongingOf } from './belonging.ts';
import { extentsWithin } from './extents.ts';
import { FileNames } from './file-names.ts';
import { holdersOf, type Holder } from './holders.ts';
import { bindingKey, inodeKey } from './keys.ts';
import type { Ino } from './namespace.ts';
import { decodeInode, type Inode } from './records.ts';

/** What objects of this namespace can lie in a store under their own keys: current ones whose bytes are no secret of clients. */
export const wholeObjects = (kv: KvReader): WholeObjects => ({
  shown: (blobs) => new Look(kv).shown(blobs),
  async runs(object, range) {
    const inode = await inodeOf(kv, object);
    return inode && (await extentsWithin(kv, inode, range)).map(runOf);
  },
  isCurrent: async (reader, object) => (await inodeOf(reader, object)) !== undefined,
});

/** `undefined`: it has another content by now, or no name. */
async function inodeOf(reader: KvReader, { file, state }: WholeObject): Promise<Inode | undefined> {
  const ino = file as Ino;
  const row = await reader.get(inodeKey(ino));
  const inode = row && decodeInode(ino, row);
  return inode?.contentGeneration === state && inode.names.length > 0 ? inode : undefined;
}

const runOf = ({ offset, length, blob, blobOffset }: ObjectRun): ObjectRun => ({
  ...{ offset, length, blob, blobOffset },
});

interface AskedBlob {
  readonly id: BlobId;
  readonly length: number;
}

/** One look at what shows some blobs: an inode and its names are read once. */
class Look {
  readonly #kv: KvReader;
  readonly #names: FileNames;
  readonly #objects = new Map<Ino, Promise<WholeObject | Nameless>>();

  constructor(kv: KvReader) {
    this.#kv = kv;
    this.#names = new FileNames(kv);
  }

  async shown(blobs: readonly AskedBlob[]): Promise<readonly (ShownBlob | Nameless)[]> {
    const holders = await holdersOf(
      this.#kv,
      blobs.map(({ id }) => id),
    );
    await this.#names.load(holders.flat().map(({ ino }) => ino));
    return Promise.all(blobs.map((blob, index) => this.#shownBy(blob, holders[index] ?? [])));
  }

  async #shownBy(blob: AskedBlob, holders: readonly Holder[]): Promise<ShownBlob | Nameless> {
    let reason: Nameless = 'gone';
    for (const { ino, base } of holders) {
      const inode = await this.#names.inode(ino);
      if (inode === undefined) continue;
      const found = await this.#overlap(inode, blob, base);
      if (found === 'none') continue;
      const object = await this.#objectOf(inode);
      if (typeof object !== 'string' && found === 'whole') return { object, offset: base };
      reason = typeof object === 'string' ? object : 'part';
    }
    return reason;
  }

  /** How much of a blob a file shows where it is said to begin. */
  async #overlap(inode: Inode, { id, length }: AskedBlob, base: number): Promise<'none' | 'part' | 'whole'> {
    const range = { start: Math.max(0, base), end: base + length };
    const extents = await extentsWithin(this.#kv, inode, range);
    const own = extents.filter(({ blob, offset, blobOffset }) => blob === id && offset - blobOffset === base);
    if (own.length === 0) return 'none';
    return own.some((extent) => extent.blobOffset === 0 && extent.length === length) ? 'whole' : 'part';
  }

  #objectOf(inode: Inode): Promise<WholeObject | Nameless> {
    const known = this.#objects.get(inode.ino);
    if (known !== undefined) return known;
    const object = this.#readObject(inode);
    this.#objects.set(inode.ino, object);
    return object;
  }

  async #readObject(inode: Inode): Promise<WholeObject | Nameless> {
    const { ino, kind, names, encryption, bucket, contentGeneration: state, size: length } = inode;
    const [name] = names;
    if (name === undefined) {
      const belonging = await belongingOf(this.#kv, ino);
      return belonging !== undefined && belonging.upload > 0 ? 'part' : 'version';
    }
    if (kind !== 'file') return 'name';
    if (encryption !== undefined && hasOwnKey(encryption)) return 'client-key';
    if ((await this.#kv.get(bindingKey(bucket))) !== undefined) return 'attached';
    const key = textOf(await this.#names.keyOf(name));
    const { headers, metadata } = facetOf(inode);
    const isSayable = [...Object.entries(headers), ...Object.entries(metadata)].flat().every(isPrintable);
    if (key === undefined || key === '' || !isSayable) return 'name';
    const named = { bucket: await this.#names.bucketName(bucket), key, file: ino, state, length };
    return { ...named, headers, metadata, isSealed: encryption !== undefined };
  }
}

/** `undefined` for bytes that are no UTF-8: no key of S3 can say them. */
function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.compare(Buffer.from(text), bytes) === 0 ? text : undefined;
}

/** Others travel in headers in ways in which stores differ. */
const isPrintable = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);
