import type { KvReader } from '../kv/kv.ts';
import { CONTENT_BLOB_BYTES_MAX, LABEL_NAMES_MAX, LABEL_PIECES_MAX } from '../limits.ts';
import type { BlobLabels } from '../tiering/blob-labels.ts';
import type { BlobId } from '../tiering/blobs.ts';
import { facetOf } from './attributes.ts';
import { belongingOf } from './belonging.ts';
import { shifted } from './census/shifted.ts';
import { encodeBlobLabel, type LabelledFile, type LabelledPiece } from './blob-label.ts';
import { extentsHeld } from './extents.ts';
import { FileNames } from './file-names.ts';
import { forgetHolders, holdersOf, type Holder } from './holders.ts';
import type { Inode } from './records.ts';

/**
 * What this namespace says of its blobs when they move: the files that show them, as they are in the store then. What NFS has
 * written and not committed does not count.
 */
export const blobLabels = (kv: KvReader): BlobLabels => ({
  labelsOf: (ids) => new Look(kv).labelsOf(ids),
  shifted,
  forget: forgetHolders,
});

type FilePlace = Pick<LabelledFile, 'keys' | 'kind' | 'upload' | 'part'>;

/** One look at the inodes of some blobs. */
class Look {
  readonly #kv: KvReader;
  readonly #names: FileNames;

  constructor(kv: KvReader) {
    this.#kv = kv;
    this.#names = new FileNames(kv);
  }

  async labelsOf(ids: readonly BlobId[]): Promise<readonly Uint8Array[]> {
    const holders = await holdersOf(this.#kv, ids);
    await this.#names.load(holders.flat().map(({ ino }) => ino));
    return Promise.all(ids.map((id, index) => this.#labelOf(id, holders[index] ?? [])));
  }

  async #labelOf(id: BlobId, holders: readonly Holder[]): Promise<Uint8Array> {
    const pieces = new Map<Inode, LabelledPiece[]>();
    for (const { ino, base } of holders) {
      const inode = await this.#names.inode(ino);
      if (inode === undefined) continue;
      const found = await this.#piecesOf(inode, id, base);
      if (found.length > 0) pieces.set(inode, [...(pieces.get(inode) ?? []), ...found]);
    }
    const files = [...pieces].map(([inode, some]) => this.#fileOf(inode, some.slice(0, LABEL_PIECES_MAX)));
    return encodeBlobLabel(await Promise.all(files));
  }

  /** Extents of the blob that begin in the file where a holder says. */
  async #piecesOf(inode: Inode, id: BlobId, base: number): Promise<readonly LabelledPiece[]> {
    const held = { blob: id, base, length: CONTENT_BLOB_BYTES_MAX };
    const extents = await extentsHeld(this.#kv, inode, held);
    return extents.map(({ offset, length, blobOffset }) => ({ offset, length, blobOffset }));
  }

  async #fileOf(inode: Inode, pieces: readonly LabelledPiece[]): Promise<LabelledFile> {
    const { ino, contentGeneration, version, size, mode, uid, gid, mtime, ctime, encryption } = inode;
    const { etag, storageClass, checksums, headers, metadata, tags } = facetOf(inode);
    const { keys, ...belonging } = await this.#placeOf(inode);
    return {
      bucket: await this.#names.bucketName(inode.bucket),
      keys,
      ...belonging,
      ...{ ino, contentGeneration, versionId: version.id, size, mode, uid, gid, mtime, ctime },
      ...{ pieces, encryption, etag, storageClass, checksums, headers, metadata, tags },
    };
  }

  async #placeOf({ ino, names }: Inode): Promise<FilePlace> {
    const belonging = names.length === 0 ? await belongingOf(this.#kv, ino) : undefined;
    if (belonging !== undefined) {
      const { key, upload, part } = belonging;
      return { keys: [key], kind: upload === 0 ? 'version' : 'part', upload, part };
    }
    const keys = await Promise.all(names.slice(0, LABEL_NAMES_MAX).map((name) => this.#names.keyOf(name)));
    return { keys: keys.filter((key) => key !== undefined), kind: 'current', upload: 0, part: 0 };
  }
}
