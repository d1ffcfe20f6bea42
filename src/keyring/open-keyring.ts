import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv, KvTransaction } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX, RING_KEYS_MAX, RING_KEY_VERSIONS_MAX } from '../limits.ts';
import { SALT_BYTES, SECRET_BYTES } from '../workers/cipher.ts';
import { contentKeys, rewrapped } from './content-keys.ts';
import { openDataKeys, type RotatingDataKeys } from './open-data-keys.ts';
import type { Keyring, KeyPurpose, KeyState, PassProgress, RewrapGoal, RingKey } from './keyring.ts';
import {
  aliasKey,
  encodeRingKey,
  idOfRingKeyKey,
  ringKeyKey,
  ringKeyRange,
  type KeyVersionRow,
  type RingKeyRow,
} from './records.ts';
import { Ring, type LoadedKey, type RingOptions } from './ring.ts';

export interface KeyringOptions extends RingOptions {
  readonly kv: Kv;
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  /** See DataKeysOptions. */
  readonly expectsDataKeys: boolean;
}

/** All keys of the store; makes the two that are always there in a new one. */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const { kv, cipher, environment } = options;
  const ring = new Ring(options);
  for await (const page of kv.scan(ringKeyRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) ring.adopt(idOfRingKeyKey(key), value);
  }
  const store = new Store(options, ring);
  if (ring.size === 0) await store.makeFirst();
  const dataKeys = await openDataKeys({ ...options, ring });
  const parts = { ring, cipher, random: environment.random };
  return {
    ...contentKeys(parts),
    dataKeys,
    list: () => ring.all().map((key) => ring.describe(key)),
    find: (name) => ring.describe(ring.byName(name)),
    create: (alias) => store.create(alias),
    rotate: (name) => store.rotate(name, dataKeys),
    setState: (name, state) => store.setState(name, state),
    remove: (name) => store.remove(name),
    goal: () => goalOf(ring),
    rewrapped(goal, encryption) {
      const aim = goal.get(encryption.keyId);
      const key = ring.byId(encryption.keyId);
      if (aim === undefined || key === undefined || encryption.keyVersion >= aim.versionMin) return undefined;
      return rewrapped(parts, key, encryption);
    },
    isInTheWay: (goal, { keyId }) => goal.get(keyId)?.removes === true,
    note: (goal, progress) => note(ring, goal, { progress, isRunning: true }),
    finish: (goal, progress) => store.finish(goal, progress),
  };
}

function goalOf(ring: Ring): RewrapGoal | undefined {
  const goal = new Map<string, { versionMin: number; removes: boolean }>();
  for (const { id, row } of ring.all()) {
    const removes = row.state === 'deleting';
    if (removes || row.versions.length > 1) {
      goal.set(id, { versionMin: removes ? 0 : (row.versions.at(-1)?.number ?? 0), removes });
    }
  }
  return goal.size === 0 ? undefined : goal;
}

function note(
  ring: Ring,
  goal: RewrapGoal,
  { progress, isRunning }: { progress: PassProgress; isRunning: boolean },
): void {
  const { examined, matched } = progress;
  for (const id of goal.keys()) {
    if (ring.byId(id) !== undefined) ring.note(id, { isRunning, examined, matched: matched.get(id) ?? 0 });
  }
}

/** Changes of keys, each one durable transaction; memory follows when it is durable. */
class Store {
  readonly #options: KeyringOptions;
  readonly #ring: Ring;

  constructor(options: KeyringOptions, ring: Ring) {
    this.#options = options;
    this.#ring = ring;
  }

  async makeFirst(): Promise<void> {
    await this.#change(async (tx) => {
      this.#put(tx, this.#newId(), { ...this.#newRow(), alias: 'terrace/s3', purpose: 's3' });
      this.#put(tx, this.#newId(), { ...this.#newRow(), alias: 'aws/s3', purpose: 'default' });
    });
  }

  async create(alias: string | undefined): Promise<RingKey> {
    if (this.#ring.size >= RING_KEYS_MAX)
      throw new Fault('quota-exceeded', 'key', `There are ${RING_KEYS_MAX} keys already: no more fit.`);
    const bare = alias?.replace(/^alias\//, '') ?? '';
    const id = this.#newId();
    await this.#change(async (tx) => {
      if (bare !== '' && (await tx.get(aliasKey(bare))) !== undefined)
        throw new Fault('exists', 'key', `There is a key with the alias ${bare} already.`);
      this.#put(tx, id, { ...this.#newRow(), alias: bare });
    });
    return this.#described(id);
  }

  rotate(name: string, dataKeys: RotatingDataKeys): Promise<RingKey> {
    return this.#edit(name, async (id, row, tx) => {
      if (row.state !== 'enabled') throw notPermitted(`The key ${id} is ${row.state}: enable it first.`);
      if (row.versions.length >= RING_KEY_VERSIONS_MAX)
        throw new Fault('quota-exceeded', 'key', `The key ${id} waits for the rewrap of its old versions.`);
      const number = (row.versions.at(-1)?.number ?? 0) + 1;
      const rotated = { ...row, versions: [...row.versions, this.#newVersion(id, number)] };
      if (row.purpose === 's3') await dataKeys.rotate(tx, this.#ring.load(id, encodeRingKey(rotated)));
      return rotated;
    });
  }

  setState(name: string, state: Exclude<KeyState, 'deleting'>): Promise<RingKey> {
    return this.#edit(name, (id, row) => {
      requireNamed(id, row.purpose);
      return { ...row, state };
    });
  }

  remove(name: string): Promise<RingKey> {
    return this.#edit(name, (id, row) => {
      requireNamed(id, row.purpose);
      if (row.state === 'enabled') throw notPermitted(`The key ${id} is enabled: disable it first.`);
      return { ...row, state: 'deleting' };
    });
  }

  /** Keys that have changed since the pass began keep what it did not look for. */
  async finish(goal: RewrapGoal, progress: PassProgress): Promise<void> {
    for (const [id, { versionMin, removes }] of goal) {
      const isFree = removes && (progress.matched.get(id) ?? 0) === 0;
      await this.#change(async (tx) => {
        const bytes = await tx.get(ringKeyKey(id));
        if (bytes === undefined) return;
        const { row } = this.#ring.load(id, bytes);
        if (!removes) {
          const versions = row.versions.filter(({ number }) => number >= versionMin);
          this.#put(tx, id, { ...row, versions });
        } else if (row.state === 'deleting' && !isFree) this.#put(tx, id, { ...row, state: 'disabled' });
        else if (row.state === 'deleting') this.#delete(tx, id, row);
      });
    }
    note(this.#ring, goal, { progress, isRunning: false });
  }

  async #edit(
    name: string,
    change: (id: string, row: RingKeyRow, tx: KvTransaction) => RingKeyRow | Promise<RingKeyRow>,
  ): Promise<RingKey> {
    const { id } = this.#ring.byName(name);
    await this.#change(async (tx) => {
      const bytes = await tx.get(ringKeyKey(id));
      if (bytes === undefined) throw new Fault('not-found', 'key', `There is no key ${name}.`);
      this.#put(tx, id, await change(id, this.#ring.load(id, bytes).row, tx));
    });
    return this.#described(id);
  }

  #change(body: (tx: KvTransaction) => Promise<void>): Promise<void> {
    return this.#options.kv.transact('durable', body);
  }

  #put(tx: KvTransaction, id: string, row: RingKeyRow): void {
    const versions = row.versions.length === 0 ? [this.#newVersion(id, 1)] : row.versions;
    const bytes = encodeRingKey({ ...row, versions });
    tx.put(ringKeyKey(id), bytes);
    if (row.alias !== '') tx.put(aliasKey(row.alias), Buffer.from(id));
    tx.whenCommitted(() => this.#ring.adopt(id, bytes));
  }

  #delete(tx: KvTransaction, id: string, { alias }: RingKeyRow): void {
    tx.delete(ringKeyKey(id));
    if (alias !== '') tx.delete(aliasKey(alias));
    tx.whenCommitted(() => this.#ring.forget(id));
  }

  #described(id: string): RingKey {
    const key: LoadedKey | undefined = this.#ring.byId(id);
    if (key === undefined) throw new Fault('not-found', 'key', `There is no key ${id}.`);
    return this.#ring.describe(key);
  }

  #newRow(): RingKeyRow {
    const createdAt = this.#options.environment.clock.wall();
    return { alias: '', purpose: 'named', state: 'enabled', createdAt, versions: [] };
  }

  #newVersion(id: string, number: number): KeyVersionRow {
    const { random, clock } = this.#options.environment;
    const fresh = { secret: random.bytes(SECRET_BYTES), salt: random.bytes(SALT_BYTES) };
    return { number, sealed: this.#ring.seal(id, number, fresh), createdAt: clock.wall() };
  }

  /** RFC 9562 §5.4. */
  #newId(): string {
    const bytes = Buffer.from(this.#options.environment.random.bytes(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}

const notPermitted = (detail: string): Fault => new Fault('not-permitted', 'key', detail);

function requireNamed(id: string, purpose: KeyPurpose): void {
  if (purpose !== 'named') throw notPermitted(`The key ${id} is the gateway's own: it can only be rotated.`);
}
