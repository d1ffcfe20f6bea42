import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Durability } from '../../src/kv/kv.ts';
import { Fault } from '../../src/fault.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { tiers } from '../../src/tiering/tier.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { content, decodeKnown, encodeKnown, ledgerKey, turns } from './hot/blob-bed.ts';
import { TierBed } from './tier-bed.ts';

/** Several clients, migrations and background steps at once over one bed, until a crash: then their failures mean nothing. */
class Life {
  readonly bed: TierBed;
  /** Blobs whose commit was acknowledged as durable and that nobody has released since: a crash must keep them. */
  readonly acknowledged = new Set<BlobId>();
  readonly ids: BlobId[] = [];
  isOver = false;
  #clientsLeft = 0;

  constructor(bed: TierBed) {
    this.bed = bed;
    bed.fault = (_, label) => {
      if (label === 'attach')
        return this.#chance(8) ? new Fault('conflict', 'blob', 'a chunk went') : undefined;
      return label === 'store' && this.#chance(8) ? new Fault('unavailable', 'store', 'away') : undefined;
    };
  }

  /** Resolves when all clients are done, or the crash came. */
  async run(clients: number, steps: number): Promise<void> {
    this.#clientsLeft = clients;
    const all = Array.from({ length: clients }, () => this.#client(steps).finally(() => this.#clientsLeft--));
    await Promise.all([...all, this.#background('migrate'), this.#background('repair'), this.#collector()]);
  }

  #chance(of: number): boolean {
    return this.bed.random.below(of) === 0;
  }

  async #background(step: 'migrate' | 'repair'): Promise<void> {
    await this.#until(async () => void (await this.bed.tiering.steps[step]()));
  }

  async #collector(): Promise<void> {
    await this.#until(async () => {
      await this.bed.tiering.blobs.collect();
      for (const store of Object.values(this.bed.stores)) await store.collect();
    });
  }

  async #until(step: () => Promise<void>): Promise<void> {
    try {
      while (!this.isOver && this.#clientsLeft > 0) {
        await step();
        await turns(1 + this.bed.random.below(20));
      }
    } catch (cause) {
      if (!this.isOver) throw cause;
    }
  }

  async #client(steps: number): Promise<void> {
    try {
      for (let step = 0; step < steps && !this.isOver; step++) await this.#step();
    } catch (cause) {
      if (!this.isOver) throw cause;
    }
  }

  #durability(): Durability {
    return this.#chance(2) ? 'durable' : 'buffered';
  }

  async #step(): Promise<void> {
    const id = this.ids[this.bed.random.below(Math.max(1, this.ids.length))];
    const choice = this.bed.random.below(12);
    if (choice < 3 || id === undefined) await this.#put();
    else if (choice < 5) await this.#release(id);
    else if (choice === 5) await this.bed.change(id, 1, this.#durability());
    else if (choice === 6) await this.#copyUnderGuard(id);
    else if (choice < 10) await this.#order();
    else await this.#readUnderGuard(id);
  }

  async #put(): Promise<void> {
    const durability = this.#durability();
    const id = await this.bed.put(1 + this.bed.random.below(9000), this.bed.random.below(100), durability);
    this.ids.push(id);
    if (durability === 'durable' && !this.isOver) this.acknowledged.add(id);
  }

  async #release(id: BlobId): Promise<void> {
    this.acknowledged.delete(id);
    await this.bed.change(id, -1, this.#durability());
  }

  /** Through the queue, without waiting, or past it. */
  async #order(): Promise<void> {
    const blobs = this.ids.filter(() => this.#chance(3));
    const order = { blobs, to: tiers[this.bed.random.below(3)]!, trigger: 'order' } as const;
    const migrating = this.bed.tiering.tiers.migrate(order);
    migrating.catch((cause: unknown) => {
      if (!this.isOver) throw cause;
    });
    await turns(this.bed.random.below(60));
  }

  /** What a copy does: it finds a blob, and adds a reference even when the last one went away in between. */
  async #copyUnderGuard(id: BlobId): Promise<void> {
    const { bed } = this;
    const { blobs } = bed.tiering;
    const guard = blobs.guard();
    try {
      const found = decodeKnown(await bed.kv.get(ledgerKey(id)));
      if (found === undefined) return;
      if (this.#chance(2)) guard.narrow([id]);
      await bed.kv.transact(this.#durability(), async (tx) => {
        const known = decodeKnown(await tx.get(ledgerKey(id)));
        await blobs.retain(tx, id);
        tx.put(ledgerKey(id), encodeKnown({ ...found, references: (known?.references ?? 0) + 1 }));
      });
    } finally {
      guard.release();
    }
  }

  async #readUnderGuard(id: BlobId): Promise<void> {
    const { bed } = this;
    const { blobs } = bed.tiering;
    const guard = blobs.guard();
    try {
      const known = decodeKnown(await bed.kv.get(ledgerKey(id)));
      if (known === undefined) return;
      if (this.#chance(2)) guard.narrow([id]);
      await turns(bed.random.below(150));
      const offset = bed.random.below(known.length);
      const length = bed.random.below(known.length - offset + 1);
      const bytes = await blobs.read(id, offset, length);
      const want = content(known.length, known.seed).subarray(offset, offset + length);
      assert(Buffer.from(bytes).equals(Buffer.from(want)), `blob ${id} under a guard`);
    } finally {
      guard.release();
    }
  }
}

/** Everything the ledger names reads back, each copy of it is whole, nothing else takes space, and what was acknowledged is true. */
async function checkAll(bed: TierBed, acknowledged: ReadonlySet<BlobId>): Promise<void> {
  bed.fault = () => undefined;
  const ledger = await bed.ledger();
  for (const id of acknowledged) assert(ledger.has(id), `blob ${id} was acknowledged`);
  for (const [id, known] of ledger) await bed.check(id, known);
  await bed.settle('migrate');
  await bed.settle('repair');
  await bed.collectAll();
  const report = await bed.tiering.tiers.scrub(() => undefined);
  assert.deepEqual([report.corrupt, report.unrecoverable], [0, 0], 'every copy is whole');
  const places = await bed.tiering.tiers.placesOf([...ledger.keys()]);
  const held = { hot: await bed.bytesOfRows(), warm: 0, cold: 0 };
  for (const [index, [id, known]] of [...ledger].entries()) {
    await bed.check(id, known);
    for (const tier of places[index]!.tiers) if (tier !== 'hot') held[tier] += 1;
  }
  assert.deepEqual(
    { hot: bed.used(), warm: bed.kept('warm'), cold: bed.kept('cold') },
    held,
    'nothing leaks',
  );
  for (const [id, { references }] of ledger) {
    for (let count = 0; count < references; count++) assert(await bed.change(id, -1));
  }
  await bed.collectAll();
  assert.deepEqual([bed.used(), bed.kept('warm'), bed.kept('cold')], [0, 0, 0], 'nothing is left');
  const { queued, running } = bed.tiering.tiers.totals();
  assert.deepEqual([queued, running], [0, 0]);
}

const openBed = (seed: number): Promise<TierBed> =>
  TierBed.open({ random: seededRandom(seed), isSlow: true });

/** Whatever clients, migrations and background steps do at once. */
export const checkLife = (): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const life = new Life(await openBed(seed));
      await life.run(4, 30);
      await checkAll(life.bed, life.acknowledged);
    }),
    { numRuns: 15 },
  );

/** A crash at any moment of that. */
export const checkCrash = (): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3000 }), async (seed, crashAfterTurns) => {
      const life = new Life(await openBed(seed));
      const living = life.run(4, 40);
      await turns(crashAfterTurns);
      life.isOver = true;
      life.bed.crash();
      await living;
      await life.bed.reopen();
      await checkAll(life.bed, life.acknowledged);
    }),
    { numRuns: 50 },
  );

/** Several crashes, some of them while the process after the one before still starts. */
export const checkCrashes = (): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const bed = await openBed(seed);
      for (let round = 0; round < 4; round++) {
        const life = new Life(bed);
        life.ids.push(...(await bed.ledger()).keys());
        const living = life.run(3, 20);
        await turns(bed.random.below(900));
        life.isOver = true;
        bed.crash();
        await living;
        const opening = bed.reopen();
        if (bed.random.below(2) === 0) {
          await turns(bed.random.below(40));
          bed.crash();
          await opening.catch(() => undefined);
          await bed.reopen();
        }
        await opening.catch(() => undefined);
      }
      await checkAll(bed, new Set());
    }),
    { numRuns: 10 },
  );
