import type { Clock } from '../../environment.ts';
import { NFS_HOST_NAMES_CACHED_MAX, NFS_HOST_NAMES_FRESH_MS, NFS_HOST_NAMES_STALE_MS } from '../../limits.ts';
import { Remembered } from './remembered.ts';

/** The system's idea of host names. Both reject when nobody who should know answers. */
export interface HostNames {
  /** Empty: there is no such name. */
  addressesOf(name: string): Promise<readonly string[]>;
  /** Empty: the address has no name. */
  namesOf(address: string): Promise<readonly string[]>;
}

/**
 * Remembers names and addresses for NFS_HOST_NAMES_FRESH_MS. When nobody answers, what was known is good for
 * NFS_HOST_NAMES_STALE_MS, so that mounted clients outlive an outage of the name service; then nobody has the name.
 */
export class NameBook {
  readonly #names: HostNames;
  readonly #addresses: Remembered<string, readonly string[]>;
  readonly #reverse: Remembered<string, readonly string[]>;

  constructor(names: HostNames, clock: Pick<Clock, 'monotonic'>) {
    this.#names = names;
    const options = {
      clock,
      entriesMax: NFS_HOST_NAMES_CACHED_MAX,
      freshMs: NFS_HOST_NAMES_FRESH_MS,
      staleMs: NFS_HOST_NAMES_STALE_MS,
      unknown: [],
    };
    this.#addresses = new Remembered(options);
    this.#reverse = new Remembered(options);
  }

  async hasName(address: string, name: string): Promise<boolean> {
    const addresses = await this.#addresses.get(name, () => this.#names.addressesOf(name));
    return addresses.includes(address);
  }

  /** Who has an address decides what names it has; so a name counts only if it leads back to the address. */
  async hasNameLike(address: string, matches: (name: string) => boolean): Promise<boolean> {
    const names = await this.#reverse.get(address, () => this.#names.namesOf(address));
    for (const name of names.filter(matches))
      if (await this.hasName(address, name.toLowerCase())) return true;
    return false;
  }
}
