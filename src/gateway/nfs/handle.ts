import assert from 'node:assert/strict';
import type { Ino } from '../../namespace/namespace.ts';
import { sipHash128, sipKey, type SipKey } from './siphash.ts';

const VERSION = 1;
/** Version, file system id, bucket and inode number; then the MAC over all of them. */
const AT = { version: 0, fileSystem: 1, bucket: 9, ino: 16, mac: 24 } as const;
const FILE_SYSTEM_ID_BYTES = 8;
const MAC_BYTES = 16;
export const HANDLE_BYTES = AT.mac + MAC_BYTES;

/** What a handle stands for. Both numbers never change and are never reused, so the handle outlives renames and restarts. */
export interface Handled {
  readonly ino: Ino;
  /** 0 of the root. */
  readonly bucket: Ino;
}

/** Names the tree in handles and as fsid. From the secret, so that it is the same for as long as the handles are good. */
export function fileSystemIdOf(secret: Uint8Array): Uint8Array {
  const label = new DataView(new ArrayBuffer(FILE_SYSTEM_ID_BYTES));
  const id = new DataView(new ArrayBuffer(MAC_BYTES));
  sipHash128(sipKey(secret), label, FILE_SYSTEM_ID_BYTES, id);
  return new Uint8Array(id.buffer, 0, FILE_SYSTEM_ID_BYTES);
}

/** The first 53 bits of it: a number here. */
export function fsidOf(fileSystemId: Uint8Array): number {
  const view = new DataView(fileSystemId.buffer, fileSystemId.byteOffset, fileSystemId.byteLength);
  return (view.getUint32(0) >>> 11) * 2 ** 32 + view.getUint32(4);
}

/**
 * Makes and checks file handles. They are computed and never stored; the MAC makes them unforgeable, so whoever shows a handle
 * was given it, and export rules may trust the bucket in it.
 */
export class Handles {
  readonly #key: SipKey;
  readonly #fileSystemId: Uint8Array;
  /** Where handles are made and checked: views are dear, handles many. */
  readonly #scratch = new Uint8Array(HANDLE_BYTES);
  readonly #view = new DataView(this.#scratch.buffer);
  readonly #macView = new DataView(this.#scratch.buffer, AT.mac);

  /** `secret` is 16 bytes, kept with the data: handles are good as long as it is the same. */
  constructor(secret: Uint8Array, fileSystemId: Uint8Array = fileSystemIdOf(secret)) {
    assert(fileSystemId.length === FILE_SYSTEM_ID_BYTES);
    this.#key = sipKey(secret);
    this.#fileSystemId = Uint8Array.from(fileSystemId);
  }

  /** Not cached: this takes a quarter of a microsecond, and putting it into a map takes longer. */
  seal({ ino, bucket }: Handled): Uint8Array {
    const view = this.#view;
    // 56 bits; the byte in front belongs to the field before, which is written after it.
    setNumber(view, AT.bucket - 1, bucket);
    this.#scratch[AT.version] = VERSION;
    this.#scratch.set(this.#fileSystemId, AT.fileSystem);
    setNumber(view, AT.ino, ino);
    sipHash128(this.#key, view, AT.mac, this.#macView);
    return this.#scratch.slice();
  }

  /** 'bad': not a handle of this key. 'stale': of another tree or of a former layout. */
  open(handle: Uint8Array): Handled | 'bad' | 'stale' {
    if (handle.length !== HANDLE_BYTES) return 'bad';
    const view = this.#view;
    this.#scratch.set(handle);
    sipHash128(this.#key, view, AT.mac, this.#macView);
    let difference = 0;
    // Takes the same time wherever the difference is, so that a MAC cannot be guessed byte by byte.
    for (let at = AT.mac; at < HANDLE_BYTES; at++) difference |= handle[at]! ^ this.#scratch[at]!;
    if (difference !== 0) return 'bad';
    if (handle[AT.version] !== VERSION) return 'stale';
    for (let index = 0; index < FILE_SYSTEM_ID_BYTES; index++) {
      if (handle[AT.fileSystem + index] !== this.#fileSystemId[index]) return 'stale';
    }
    const bucket = (view.getUint32(AT.bucket - 1) & 0xff_ffff) * 2 ** 32 + view.getUint32(AT.bucket + 3);
    const ino = view.getUint32(AT.ino) * 2 ** 32 + view.getUint32(AT.ino + 4);
    return { ino: ino as Ino, bucket: bucket as Ino };
  }
}

function setNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / 2 ** 32));
  view.setUint32(offset + 4, value % 2 ** 32);
}
