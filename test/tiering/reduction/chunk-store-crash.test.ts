import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { Durability, Key } from '../../../src/kv/kv.ts';
import { tupleKey } from '../../../src/kv/tuple.ts';
import { COLLECT_ROUND_MS } from '../../../src/limits/tiering.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import type { SegmentFailure } from '../../../src/tiering/memory-segment-store.ts';
import type { StoredBlob } from '../../../src/tiering/reduction/chunk-store.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import {
  blobOf,
  contentOf,
  ChunkBed,
  rowsOf,
  similarSettings,
  versionOf,
  type ChunkBedOptions,
} from './chunk-bed.ts';
import { recovered } from './recovered.ts';

const PIECES = 8;
const PIECE_BYTES = 1200;
/** Long enough for chunks that are alike. */
const SIMILAR_PIECE_BYTES = 4000;
const VERSIONS = 3;
const LEDGER = 0x01;

const ledgerKey = (id: BlobId): Key => tupleKey(LEDGER, [id]);
const failures: readonly SegmentFailure[] = ['unavailable', 'throttled', 'no-space', 'lost-answer'];

interface LifeOptions {
  readonly seed: number;
  /** Of operations on rows and segments together: the one during which power fails. */
  readonly crashAt?: number;
  /** One in so many operations on segments fails, or reads back other bytes. */
  readonly failOneIn?: number;
  readonly settings?: ChunkBedOptions['settings'];
}

/** Several clients and the background over one bed, until power fails. What a commit says is in rows of that commit. */
class Life {
  readonly random;
  readonly #options: LifeOptions;
  bed!: ChunkBed;
  isOver = false;
  #events = 0;
  #crashAt: number | undefined;
  #lastId = 0;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.#crashAt = options.crashAt;
  }

  get #isSimilar(): boolean {
    return this.#options.settings?.usesSimilarity === true;
  }

  /** With similarity, pieces come in several versions. */
  #content(pieces: readonly number[]): Uint8Array {
    if (!this.#isSimilar) return contentOf(pieces, PIECE_BYTES);
    const versions = pieces.map((piece) =>
      versionOf([Math.floor(piece / VERSIONS)], piece % VERSIONS, SIMILAR_PIECE_BYTES),
    );
    return Buffer.concat(versions);
  }

  async open(): Promise<void> {
    const { settings } = this.#options;
    this.bed = await ChunkBed.open({
      random: this.random,
      imageBytesMax: this.#isSimilar ? 32_768 : 8192,
      delay: () => this.#event(),
      ...(settings === undefined ? {} : { settings }),
    });
    const { segments } = this.bed;
    const read = segments.read.bind(segments);
    segments.read = async (...given) => {
      const bytes = Uint8Array.from(await read(...given));
      if (this.#isUnlucky() && bytes.length > 0) bytes[this.random.below(bytes.length)]! ^= 4;
      return bytes;
    };
    segments.failWhen(() => (this.#isUnlucky() ? this.#choose(failures) : undefined));
  }

  /** Nothing fails any more, after what was under way. */
  calm(): void {
    this.bed.segments.failWhen(undefined);
    this.#isCalm = true;
  }
  #isCalm = false;

  async #event(): Promise<void> {
    this.#events += 1;
    if (this.#events === this.#crashAt) this.#crash();
    for (let wait = this.random.below(4); wait > 0; wait -= 1) await Promise.resolve();
  }

  #crash(): void {
    this.#crashAt = undefined;
    this.isOver = true;
    this.bed.crash();
  }

  /** A new process after a crash; the start may be cut short by another one. */
  async crashAndReopen(): Promise<void> {
    if (!this.isOver) this.#crash();
    for (let restart = 0; this.isOver; restart += 1) {
      this.#crashAt = restart === 0 ? this.#events + this.random.below(60) : undefined;
      this.isOver = false;
      await this.bed.reopen().catch((failure: unknown) => {
        if (!this.isOver) throw failure;
      });
    }
    this.#crashAt = undefined;
  }

  #isUnlucky(): boolean {
    const { failOneIn } = this.#options;
    return failOneIn !== undefined && !this.#isCalm && this.random.below(failOneIn) === 0;
  }

  #choose<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }

  async run(clients: number, steps: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#client(steps)));
  }

  async #client(steps: number): Promise<void> {
    for (let step = 0; step < steps && !this.isOver; step += 1) {
      try {
        const operations = [
          () => this.#put(),
          () => this.#put(),
          () => this.#release(),
          () => this.#read(),
          () => this.#collect(),
          () => this.#scrub(),
          () => this.#describe(),
        ];
        await this.#choose(operations)();
      } catch (failure) {
        if (this.isOver) return;
        if (!(failure instanceof Fault && this.#options.failOneIn !== undefined)) throw failure;
      }
    }
  }

  #durability(): Durability {
    return this.#choose(['durable', 'buffered']);
  }

  async #put(piecesMax = PIECES): Promise<void> {
    const batch = Array.from({ length: 1 + this.random.below(3) }, () => {
      const pieces = Array.from({ length: this.random.below(4) }, () => this.#piece(piecesMax));
      this.#lastId += 1;
      return { id: this.#lastId as BlobId, pieces };
    });
    const blobs = batch.map(({ id, pieces }) => blobOf(id, this.#content(pieces)));
    const stored = await this.bed.chunks.store(blobs);
    await Promise.all(stored.map((each, index) => this.#attach(each, batch[index]!.pieces)));
  }

  #piece(piecesMax: number): number {
    return this.random.below(piecesMax * (this.#isSimilar ? VERSIONS : 1));
  }

  async #attach(stored: StoredBlob, pieces: readonly number[]): Promise<void> {
    if (this.random.below(6) === 0) {
      this.bed.chunks.discard(stored);
      return;
    }
    try {
      await this.bed.kv.transact(this.#durability(), async (tx) => {
        await this.bed.chunks.attach(tx, stored);
        tx.put(ledgerKey(stored.id), Uint8Array.from(pieces));
      });
    } catch (failure) {
      if (this.isOver || !(failure instanceof Fault && failure.code === 'conflict')) throw failure;
      this.bed.chunks.discard(stored);
    }
  }

  async #release(given?: BlobId): Promise<void> {
    const id = given ?? this.#any();
    if (id === undefined) return;
    await this.bed.kv.transact(this.#durability(), async (tx) => {
      const isThere = (await tx.get(ledgerKey(id))) !== undefined;
      assert.equal(await this.bed.chunks.release(tx, id), isThere);
      tx.delete(ledgerKey(id));
    });
  }

  async #read(): Promise<void> {
    const id = this.#any();
    if (id === undefined) return;
    const row = await this.bed.kv.get(ledgerKey(id));
    if (row === undefined) return;
    const want = this.#content([...row]);
    const from = this.random.below(want.length + 1);
    const to = from + this.random.below(want.length - from + 1);
    try {
      const bytes = await this.bed.chunks.read(id, from, to - from);
      assert(Buffer.from(bytes).equals(want.subarray(from, to)), `blob ${id} reads back`);
    } catch (failure) {
      const isReleased = (await this.bed.kv.get(ledgerKey(id))) === undefined;
      if (!(isReleased && failure instanceof Fault && failure.code === 'not-found')) throw failure;
    }
  }

  async #collect(): Promise<void> {
    // A round over all tables, too.
    if (this.random.below(4) === 0) this.bed.nowMs += COLLECT_ROUND_MS;
    for (let units = this.random.below(8); units > 0; units -= 1) await this.bed.chunks.collect();
  }

  async #scrub(): Promise<void> {
    const step = await this.bed.chunks.scrub();
    if (this.#options.failOneIn === undefined) assert.deepEqual(step?.lost ?? [], []);
  }

  async #describe(): Promise<void> {
    const ids = [this.#any(), this.#any()].filter((id) => id !== undefined);
    await this.bed.chunks.describe(ids.map((id) => ({ id, label: blobOf(id, new Uint8Array(0)).label })));
  }

  #any(): BlobId | undefined {
    const id = 1 + this.random.below(Math.max(1, this.#lastId));
    return id > this.#lastId ? undefined : (id as BlobId);
  }

  /** Some make and give up blobs of the very same chunks, while the others collect: what is shared is dead at every other moment. */
  async contend(rounds: number): Promise<void> {
    let left = 3;
    const sharer = async (): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        await this.#put(1);
        const id = this.#lastId;
        if (this.random.below(4) > 0) await this.#release(id as BlobId);
      }
      left -= 1;
    };
    const collector = async (): Promise<void> => {
      while (left > 0) await this.#collect();
    };
    await Promise.all([sharer(), sharer(), sharer(), collector()]);
  }

  /** What was committed is there, with its bytes; what was not leaves nothing. */
  async verify(): Promise<void> {
    const range = { start: Uint8Array.of(LEDGER), end: Uint8Array.of(LEDGER + 1) };
    const ledger = await rowsOf(this.bed.kv, range);
    await this.bed.audit();
    for (const { key, value } of ledger) {
      await this.bed.check(new DataView(Uint8Array.from(key).buffer).getUint32(5), this.#content([...value]));
    }
    assert.equal(this.bed.chunks.usage().blobs, ledger.length);
    const isEarly = this.random.below(2) === 0;
    if (isEarly) await this.#verifyRecovered(ledger);
    await this.bed.collectAll();
    await this.bed.checkCollected();
    if (!isEarly) await this.#verifyRecovered(ledger);
    for (const { key, value } of ledger) {
      await this.bed.check(new DataView(Uint8Array.from(key).buffer).getUint32(5), this.#content([...value]));
    }
  }

  /** The same from segments alone, which without a cipher nobody can vouch for. */
  async #verifyRecovered(ledger: Awaited<ReturnType<typeof rowsOf>>): Promise<void> {
    if (this.#options.settings?.cipher === 'none') return;
    const found = await recovered(this.bed.segments);
    for (const { key, value } of ledger) {
      const id = new DataView(Uint8Array.from(key).buffer).getUint32(5);
      const { label, bytes } = found.get(id) ?? {};
      assert.equal(label, `label of ${id}`);
      assert(bytes !== undefined && Buffer.compare(bytes, this.#content([...value])) === 0);
    }
  }
}

const settings = fc.constantFrom<NonNullable<ChunkBedOptions['settings']>>(
  {},
  { background: { level: 3, afterSeconds: 0 } },
  { cipher: 'none', sparseShare: 0.9 },
  similarSettings,
  { ...similarSettings, sparseShare: 0.9, background: { level: 3, afterSeconds: 0 } },
);

test('clients at once never disturb each other, and what nobody names is gone after a collection', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), settings, async (seed, chosen) => {
      const life = new Life({ seed, settings: chosen });
      await life.open();
      await life.run(4, 14);
      await life.verify();
    }),
    { numRuns: 8 },
  ));

test('sharing and collecting the same chunks at the same time loses none and leaks none', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, isSimilar) => {
      const settings = { ...(isSimilar ? similarSettings : {}), sparseShare: 0.99 };
      const life = new Life({ seed, settings });
      await life.open();
      await life.contend(15);
      await life.verify();
    }),
    { numRuns: 5 },
  ));

test('with a store that fails, forgets its answers and reads wrong bytes, nothing wrong is read and nothing leaks', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), settings, async (seed, chosen) => {
      const life = new Life({ seed, settings: chosen, failOneIn: 12 });
      await life.open();
      await life.run(4, 14);
      life.calm();
      await life.verify();
    }),
    { numRuns: 8 },
  ));

test('after a crash at any moment every blob that was committed reads back, and no segment leaks', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 20, max: 700 }), settings, async (seed, crashAt, chosen) => {
      const life = new Life({ seed, crashAt, settings: chosen });
      await life.open();
      await life.run(4, 14);
      await life.crashAndReopen();
      if (seed % 2 === 0) await life.run(2, 5);
      await life.verify();
    }),
    { numRuns: 20 },
  ));

test('crash after crash, over a store that fails as well', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 20, max: 500 }), settings, async (seed, crashAt, chosen) => {
      const life = new Life({ seed, crashAt, failOneIn: 15, settings: chosen });
      await life.open();
      for (let round = 0; round < 3; round += 1) {
        await life.run(3, 8);
        await life.crashAndReopen();
      }
      life.calm();
      await life.verify();
    }),
    { numRuns: 8 },
  ));
