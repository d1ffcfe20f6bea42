import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import type { Cipher } from '../workers/cipher.ts';
import type { KeyPurpose, RewrapProgress, RingKey } from './keyring.ts';
import { decodeRingKey, type RingKeyRow } from './records.ts';

/** A key of the ring with its material. */
export interface LoadedKey {
  readonly id: string;
  readonly row: RingKeyRow;
  /** The row's bytes: what a transaction reads is compared with them. */
  readonly bytes: Uint8Array;
  /** By number of the version; more than the row has. */
  readonly secrets: ReadonlyMap<number, Uint8Array>;
}

export interface RingOptions {
  readonly cipher: Cipher;
  /** SECRET_BYTES; never in the store. */
  readonly secretsKey: Uint8Array;
  readonly region: string;
  /** The account that keys belong to in their ARNs. */
  readonly account: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** All keys in memory, as requests look them up; open-keyring.ts changes the store first and then this. */
export class Ring {
  readonly #options: RingOptions;
  readonly #keys = new Map<string, LoadedKey>();
  readonly #ids = new Map<string, string>();
  readonly #progress = new Map<string, RewrapProgress>();

  constructor(options: RingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#keys.size;
  }

  all(): readonly LoadedKey[] {
    return [...this.#keys.values()];
  }

  byId(id: string): LoadedKey | undefined {
    return this.#keys.get(id);
  }

  /** One of the two keys that are always there. */
  always(purpose: Exclude<KeyPurpose, 'named'>): LoadedKey {
    const key = this.all().find(({ row }) => row.purpose === purpose);
    assert(key !== undefined, `the ring has a key for ${purpose}`);
    return key;
  }

  /** By id, ARN, alias or ARN of an alias. Fault('not-found', 'key'). */
  byName(name: string): LoadedKey {
    const prefix = `arn:aws:kms:${this.#options.region}:${this.#options.account}:`;
    const local = name.startsWith(prefix) ? name.slice(prefix.length).replace(/^key\//, '') : name;
    const id = local.startsWith('alias/') ? this.#ids.get(local.slice('alias/'.length)) : local;
    const key = id === undefined ? undefined : this.#keys.get(id);
    if (key === undefined) throw noSuchKey(name, this.arnOf(name));
    return key;
  }

  /** What is no id is put into an ARN as it is, as AWS does in its errors. */
  arnOf(id: string): string {
    return id.startsWith('arn:') || id.startsWith('alias/')
      ? id
      : `arn:aws:kms:${this.#options.region}:${this.#options.account}:key/${id}`;
  }

  /** The key as the row says, which may be older or newer than what memory holds. */
  load(id: string, bytes: Uint8Array): LoadedKey {
    const row = decodeRingKey(bytes);
    // Versions that the store has given up stay: who has read a seal of theirs just before may still be about to open it.
    const secrets = new Map(this.#keys.get(id)?.secrets);
    for (const { number, sealed } of row.versions) {
      if (!secrets.has(number)) secrets.set(number, this.#openVersion(id, number, sealed));
    }
    return { id, row, bytes, secrets };
  }

  adopt(id: string, bytes: Uint8Array): void {
    const key = this.load(id, bytes);
    this.#keys.set(id, key);
    if (key.row.alias !== '') this.#ids.set(key.row.alias, id);
  }

  forget(id: string): void {
    const alias = this.#keys.get(id)?.row.alias;
    if (alias !== undefined) this.#ids.delete(alias);
    this.#keys.delete(id);
    this.#progress.delete(id);
  }

  seal(id: string, number: number, { secret, salt }: { secret: Uint8Array; salt: Uint8Array }): Uint8Array {
    const { cipher, secretsKey } = this.#options;
    return cipher.sealNow({ secret: secretsKey, salt, context: versionContext(id, number) }, [secret]);
  }

  note(id: string, progress: RewrapProgress): void {
    this.#progress.set(id, progress);
  }

  describe({ id, row }: LoadedKey): RingKey {
    const { alias, purpose, state, createdAt, versions } = row;
    return {
      id,
      arn: this.arnOf(id),
      alias: alias === '' ? undefined : `alias/${alias}`,
      purpose,
      state,
      createdAt,
      version: versions.at(-1)?.number ?? 0,
      oldVersions: versions.slice(0, -1).map(({ number }) => number),
      progress: this.#progress.get(id),
    };
  }

  #openVersion(id: string, number: number, sealed: Uint8Array): Uint8Array {
    assert(uuid.test(id), 'an id of a key');
    const { cipher, secretsKey } = this.#options;
    const opening = { secret: secretsKey, context: versionContext(id, number), firstFrame: 0 };
    const secret = cipher.openNow(opening, sealed);
    if (secret !== undefined) return secret;
    const detail = `The key ${id} cannot be opened: bring back the file secrets.key that belongs to the data directory.`;
    throw new Fault('corrupt', 'store', detail);
  }
}

const versionContext = (id: string, number: number): Uint8Array =>
  Buffer.from(`terrace ring key ${id} version ${number}`);

const noSuchKey = (name: string, arn: string): Fault =>
  new Fault('not-found', 'key', uuid.test(name) ? `Key '${arn}' does not exist` : `Invalid keyId ${name}`);
