import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { Fault } from '../fault.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { hasOwnKey } from '../keyring/encryption.ts';
import { RECOVERY_MEMORY_BYTES_MAX, RECOVERY_PIECE_BYTES } from '../limits/tiering.ts';
import type { Bucket, Caller, Draft, Namespace, ObjectFacet } from '../namespace/namespace.ts';
import type { RecoveredFile } from '../namespace/recover-tree.ts';
import type { RecoveryCounts } from './recovery-report.ts';

export interface BringParts {
  readonly namespace: Pick<Namespace, 'objects' | 'files'>;
  readonly keyring: Pick<Keyring, 'make'>;
  readonly counts: RecoveryCounts;
  /** A file of the data directory, for content that is put together. */
  readonly spool: string;
  /** Files with gaps come too, with zeros there. */
  readonly withGaps: boolean;
}

/** Everything may be made, by nobody in particular. */
const caller: Caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };

/** Makes files of one namespace out of what was found of another. */
export class FileBringer {
  readonly #parts: BringParts;
  readonly #buckets = new Map<string, Bucket>();

  constructor(parts: BringParts) {
    this.#parts = parts;
  }

  /** Durable when it resolves; what cannot come is noted. */
  async bring(file: RecoveredFile): Promise<void> {
    const { counts, withGaps } = this.#parts;
    const { label, isNewest, missing } = file;
    if (label.kind !== 'current') counts.lose(label.kind, file);
    else if (label.keys.length === 0) counts.lose('nameless', file);
    else if (!isNewest) counts.lose('replaced', file);
    else if (label.encryption !== undefined && hasOwnKey(label.encryption)) counts.lose('sealed', file);
    else {
      if (missing.length > 0) counts.lose('gaps', file);
      if (missing.length > 0 && !withGaps) return;
      await this.#make(file);
    }
  }

  async #make(file: RecoveredFile): Promise<void> {
    const { counts } = this.#parts;
    try {
      let isProven = false;
      for (const [index, key] of file.label.keys.entries()) {
        // One that had several names has them again; who has changed one of them since changes that one only.
        isProven = (await this.#makeAt(file, key, index === 0)) || isProven;
      }
      if (file.isMixed && !isProven) counts.lose('mixed', file);
    } catch (failure) {
      if (!(failure instanceof Fault && failure.code === 'corrupt')) throw failure;
      counts.lose('damaged', file);
      return;
    }
    counts.files += 1;
    counts.bytes += file.label.size;
    if (file.missing.length > 0) counts.filesWithGaps += 1;
  }

  /** True when the whole was compared with what it was. */
  async #makeAt(file: RecoveredFile, key: Uint8Array, isFirst: boolean): Promise<boolean> {
    const { namespace, keyring } = this.#parts;
    const { objects, files } = namespace;
    const { label } = file;
    const bucket = await this.#bucket(label.bucket);
    const mode = label.encryption?.mode;
    const draft = await objects.draft(caller, mode === 'AES256' ? keyring.make({ mode }) : undefined);
    try {
      const [first] = label.keys;
      let isProven = false;
      if (isFirst || first === undefined) isProven = await this.#fill(draft, file);
      else await share(namespace, draft, { bucket, key: first });
      const to = { bucket: bucket.ino, key, facet: facetOf(file), expect: {} };
      const { attributes } = await objects.attach(caller, draft, to);
      const { mode: bits, uid, gid, mtime } = label;
      await files.setAttributes(caller, attributes.ino, { wish: { mode: bits, uid, gid, mtime } });
      return isProven;
    } catch (failure) {
      await draft.discard();
      throw failure;
    }
  }

  async #bucket(name: string): Promise<Bucket> {
    const { objects } = this.#parts.namespace;
    const bucket =
      this.#buckets.get(name) ?? (await objects.bucket(name)) ?? (await objects.createBucket(caller, name));
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Pieces come in the order of writing, and later ones count: they are put in their places before anything is passed on. True: its MD5 is right. */
  async #fill(draft: Draft, file: RecoveredFile): Promise<boolean> {
    const digest = createHash('md5');
    const { size, etag, encryption } = file.label;
    const pass = async (bytes: Uint8Array): Promise<void> => {
      digest.update(bytes);
      await draft.write([bytes]);
    };
    if (size <= RECOVERY_MEMORY_BYTES_MAX) {
      const whole = Buffer.alloc(size);
      for await (const { offset, bytes } of file.content()) whole.set(bytes, offset);
      await pass(whole);
    } else await this.#spooled(file, pass);
    const isMd5 = /^[0-9a-f]{32}$/.test(etag) && (encryption === undefined || encryption.mode === 'AES256');
    if (!isMd5 || file.missing.length > 0) return false;
    if (digest.digest('hex') === etag) return true;
    throw new Fault('corrupt', 'object', 'the content is not what its ETag says');
  }

  async #spooled(
    { label, content }: Pick<RecoveredFile, 'label' | 'content'>,
    pass: (bytes: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const { spool } = this.#parts;
    const handle = await open(spool, 'w+', 0o600);
    try {
      await handle.truncate(label.size);
      for await (const { offset, bytes } of content()) await writeAll(handle, bytes, offset);
      for (let at = 0; at < label.size; at += RECOVERY_PIECE_BYTES) {
        const piece = Buffer.alloc(Math.min(RECOVERY_PIECE_BYTES, label.size - at));
        await readAll(handle, piece, at);
        await pass(piece);
      }
    } finally {
      await handle.close();
      await rm(spool, { force: true });
    }
  }
}

/** The part of a file handle that is used here. */
export interface Spool {
  write(
    bytes: Uint8Array,
    from: number,
    length: number,
    at: number,
  ): Promise<{ readonly bytesWritten: number }>;
  read(bytes: Uint8Array, from: number, length: number, at: number): Promise<{ readonly bytesRead: number }>;
}

/** A call may write fewer bytes than it was given. */
export async function writeAll(spool: Pick<Spool, 'write'>, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await spool.write(bytes, done, bytes.length - done, at + done);
    if (bytesWritten === 0)
      throw new Fault('unavailable', 'store', 'the spool of the recovery takes nothing');
    done += bytesWritten;
  }
}

/** A call may read fewer bytes than were asked for. */
export async function readAll(spool: Pick<Spool, 'read'>, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await spool.read(bytes, done, bytes.length - done, at + done);
    if (bytesRead === 0) throw new Fault('unavailable', 'store', 'the spool of the recovery ends too early');
    done += bytesRead;
  }
}

async function share(
  { objects }: Pick<Namespace, 'objects'>,
  draft: Draft,
  { bucket, key }: { readonly bucket: Bucket; readonly key: Uint8Array },
): Promise<void> {
  const source = await objects.open({ bucket: bucket.ino, key });
  if (source === undefined) throw new Fault('not-found', 'object', 'the first name of a file');
  try {
    await draft.splice(source, 0, source.found.attributes.size);
  } finally {
    await source.close();
  }
}

function facetOf({ label }: RecoveredFile): ObjectFacet {
  const { etag, headers, metadata, checksums, tags, storageClass } = label;
  return { etag, headers, metadata, checksums, tags, storageClass, parts: [] };
}
