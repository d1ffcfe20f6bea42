import { statfs } from 'node:fs/promises';
import type { Clock } from '../environment.ts';
import { Fault } from '../fault.ts';
import { METADATA_FREE_BYTES_MIN, METADATA_FREE_SHARE_MIN, METADATA_LOOK_MS } from '../limits.ts';
import type { Closable } from '../scope.ts';
import type { Alert } from './admin/health.ts';

const MEBIBYTE_BYTES = 1 << 20;

/**
 * What the file system of the metadata has left. A commit that finds no room there stops the process, because its outcome is unknown; so
 * growth is refused before, and what is kept is for deletes, for what was acknowledged already, and for the store's own work.
 */
export class MetadataRoom implements Closable {
  readonly #directory: string;
  readonly #clock: Clock;
  #bytesFree = Infinity;
  #bytesKept = 0;
  #lookAt = -Infinity;
  #looking: Promise<void> | undefined;

  private constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  static async open(directory: string, clock: Clock): Promise<MetadataRoom> {
    const room = new MetadataRoom(directory, clock);
    await room.#look();
    return room;
  }

  /** Fault('no-space', 'store') when growth is to be refused; by what was found a second ago. */
  require(): void {
    this.#lookSoon();
    if (!this.#isLow) return;
    throw new Fault('no-space', 'store', `${this.#bytesFree} bytes are left for the metadata`);
  }

  alerts(): readonly Alert[] {
    this.#lookSoon();
    if (!this.#isLow) return [];
    const [free, kept] = [this.#bytesFree, this.#bytesKept].map(
      (bytes) => `${Math.floor(bytes / MEBIBYTE_BYTES)} MiB`,
    );
    const text = `The file system of the metadata, ${this.#directory}, has ${free} left: nothing new is taken below ${kept}, reads and deletes go on. Make room on it.`;
    return [{ severity: 'critical', text }];
  }

  async close(): Promise<void> {
    await this.#looking;
  }

  get #isLow(): boolean {
    return this.#bytesFree < this.#bytesKept;
  }

  /** At most once a second; nobody waits for it. */
  #lookSoon(): void {
    if (this.#looking !== undefined || this.#clock.monotonic() < this.#lookAt) return;
    this.#looking = this.#look().finally(() => (this.#looking = undefined));
  }

  /** What cannot be asked is taken for what it was: the store says itself when it fails. */
  async #look(): Promise<void> {
    this.#lookAt = this.#clock.monotonic() + METADATA_LOOK_MS;
    const found = await statfs(this.#directory).catch(() => undefined);
    if (found === undefined) return;
    this.#bytesFree = found.bavail * found.bsize;
    const share = Math.floor(found.blocks * found.bsize * METADATA_FREE_SHARE_MIN);
    this.#bytesKept = Math.min(METADATA_FREE_BYTES_MIN, share);
  }
}
