import type { Clock, Log } from '../../environment.ts';
import {
  NFS_HOST_NAMES_CACHED_MAX,
  NFS_HOST_NAMES_FRESH_MS,
  NFS_HOST_NAMES_RETRY_MS,
  NFS_HOST_NAMES_STALE_MS,
} from '../../limits/nfs.ts';
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
 * NFS_HOST_NAMES_STALE_MS, so that mounted clients outlive an outage of the name service; then nobody can say who has the name.
 * Each outage of a name is logged once.
 */
export class NameBook {
  readonly #names: HostNames;
  readonly #addresses: Remembered<string, readonly string[] | undefined>;
  readonly #reverse: Remembered<string, readonly string[] | undefined>;

  constructor(
    names: HostNames,
    { clock, log }: { readonly clock: Pick<Clock, 'monotonic'>; readonly log: Pick<Log, 'warn'> },
  ) {
    this.#names = names;
    const options = {
      clock,
      entriesMax: NFS_HOST_NAMES_CACHED_MAX,
      freshMs: NFS_HOST_NAMES_FRESH_MS,
      staleMs: NFS_HOST_NAMES_STALE_MS,
      retryMs: NFS_HOST_NAMES_RETRY_MS,
      unknown: undefined,
      failed: (host: string, failure: unknown) =>
        log.warn('nfs.host-name-unknown', { host, reason: String(failure) }),
    };
    this.#addresses = new Remembered(options);
    this.#reverse = new Remembered(options);
  }

  /** `undefined`: nobody can say. */
  async hasName(address: string, name: string): Promise<boolean | undefined> {
    const addresses = await this.#addresses.get(name, () => this.#names.addressesOf(name));
    return addresses?.includes(address);
  }

  /**
   * Who has an address decides what names it has; so a name counts only if it leads back to the address. `undefined`: nobody can
   * say.
   */
  async hasNameLike(address: string, matches: (name: string) => boolean): Promise<boolean | undefined> {
    const names = await this.#reverse.get(address, () => this.#names.namesOf(address));
    if (names === undefined) return undefined;
    let has: boolean | undefined = false;
    for (const name of names.filter(matches)) {
      const leadsBack = await this.hasName(address, name.toLowerCase());
      if (leadsBack === true) return true;
      has = leadsBack === undefined ? undefined : has;
    }
    return has;
  }
}
