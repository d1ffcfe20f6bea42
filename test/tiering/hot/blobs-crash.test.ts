import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Durability } from '../../../src/kv/kv.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { BlobBed, content, decodeKnown, deviceBytesOf, encodeKnown, ledgerKey, turns } from './blob-bed.ts';

/** Several clients at once over one bed, until a crash: after that their failures mean nothing. */
class Life {
  readonly bed: BlobBed;
  /** Blobs whose commit was acknowledged as durable and that nobody has touched since: a crash must keep them. */
  readonly acknowledged = new Set<BlobId>();
  readonly ids: BlobId[] = [];
  isOver = false;
  #clientsLeft = 0;

  constructor(bed: BlobBed) {
    this.bed = bed;
  }

  /** Clients, with the upkeep of the device beside them for as long as they are busy. */
  async run(clients: number, steps: number): Promise<void> {
    this.#clientsLeft = clients;
    const all = Array.from({ length: clients }, () => this.#client(steps).finally(() => this.#clientsLeft--));
    const upkeep = [this.#background(() => this.bed.blobs.defragment())];
    upkeep.push(this.#background(() => this.bed.blobs.trim()));
    await Promise.all([...all, ...upkeep]);
  }

  async #client(steps: number): Promise<void> {
    try {
      for (let step = 0; step < steps && !this.isOver; step++) await this.#step();
    } catch (cause) {
      if (!this.isOver) throw cause;
    }
  }

  async #background(step: () => Promise<unknown>): Promise<void> {
    try {
      while (!this.isOver && this.#clientsLeft > 0) {
        await step();
        await turns(1 + this.bed.random.below(20));
      }
    } catch (cause) {
      if (!this.isOver) throw cause;
    }
  }

  #pick(): BlobId | undefined {
    return this.ids[this.bed.random.below(Math.max(1, this.ids.length))];
  }

  #durability(): Durability {
    return this.bed.random.below(2) === 0 ? 'durable' : 'buffered';
  }

  async #step(): Promise<void> {
    const id = this.#pick();
    const choice = this.bed.random.below(10);
    if (choice < 3 || id === undefined) await this.#put();
    else if (choice < 5) await this.#release(id);
    else if (choice === 5) await this.bed.change(id, 1, this.#durability());
    else if (choice === 6) await this.#copyUnderGuard(id);
    else if (choice === 7) await this.bed.blobs.collect();
    else if (choice === 8) await this.#stageAndDiscard();
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

  /** What a copy does: it finds a blob, and adds a reference even when the last one went away in between. */
  async #copyUnderGuard(id: BlobId): Promise<void> {
    const { bed } = this;
    const guard = bed.blobs.guard();
    try {
      const found = decodeKnown(await bed.kv.get(ledgerKey(id)));
      if (found === undefined) return;
      if (bed.random.below(2) === 0) guard.narrow([id]);
      await bed.kv.transact(this.#durability(), async (tx) => {
        const known = decodeKnown(await tx.get(ledgerKey(id)));
        await bed.blobs.retain(tx, id);
        tx.put(ledgerKey(id), encodeKnown({ ...found, references: (known?.references ?? 0) + 1 }));
      });
    } finally {
      guard.release();
    }
  }

  async #readUnderGuard(id: BlobId): Promise<void> {
    const { bed } = this;
    const guard = bed.blobs.guard();
    try {
      const known = decodeKnown(await bed.kv.get(ledgerKey(id)));
      if (known === undefined) return;
      if (bed.random.below(2) === 0) guard.narrow([id]);
      for (let wait = bed.random.below(150); wait > 0; wait--) await Promise.resolve();
      const offset = bed.random.below(known.length);
      const length = bed.random.below(known.length - offset + 1);
      const bytes = await bed.blobs.read(id, offset, length);
      const want = content(known.length, known.seed).subarray(offset, offset + length);
      assert(Buffer.from(bytes).equals(Buffer.from(want)), `blob ${id} under a guard`);
    } finally {
      guard.release();
    }
  }

  async #stageAndDiscard(): Promise<void> {
    const { bed } = this;
    const bytes = content(1 + bed.random.below(9000), 3);
    const staged = await bed.blobs.stage([bytes]);
    const guard = bed.blobs.guard();
    bed.blobs.discard(staged);
    assert(Buffer.from(await bed.blobs.read(staged.id, 0, bytes.length)).equals(bytes), 'a guard keeps it');
    guard.release();
  }
}

/** Everything the ledger names reads back, nothing else takes space, and what was acknowledged is true. */
async function checkAll(bed: BlobBed, acknowledged: ReadonlySet<BlobId>): Promise<void> {
  const ledger = await bed.ledger();
  let bytes = 0;
  for (const [id, known] of ledger) {
    await bed.check(id, known);
    bytes += deviceBytesOf(known);
  }
  await bed.collectAll();
  assert.equal(bed.used(), bytes, 'allocated space is that of the living blobs');
  for (const id of acknowledged) assert(ledger.has(id), `blob ${id} was acknowledged`);
  for (const [id, { references }] of ledger) {
    for (let count = 0; count < references; count++) assert(await bed.change(id, -1));
    await assert.rejects(async () => {
      await bed.collectAll();
      await bed.blobs.read(id, 0, 1);
    }, /not-found/);
  }
  assert.equal(bed.used(), 0, 'nothing leaks');
}

const openBed = (seed: number): Promise<BlobBed> => BlobBed.open(seededRandom(seed), { isScattered: true });

async function live(seed: number, steps: number): Promise<Life> {
  const life = new Life(await openBed(seed));
  await life.run(4, steps);
  return life;
}

test('clients at once never disturb each other, and space is that of what lives', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const { bed, acknowledged } = await live(seed, 30);
      assert(bed.blobs.upkeep().bytesDefragmented > 0, 'blobs were moved meanwhile');
      assert(bed.blobs.upkeep().bytesTrimmed > 0, 'space was given back meanwhile');
      await checkAll(bed, acknowledged);
    }),
    { numRuns: 30 },
  ));

test('after a crash at any point every blob that was attached and committed reads back, and nothing leaks', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 1500 }), async (seed, crashAfterTurns) => {
      const life = new Life(await openBed(seed));
      const living = life.run(4, 40);
      await turns(crashAfterTurns);
      life.isOver = true;
      life.bed.crash();
      await living;
      await life.bed.reopen();
      await checkAll(life.bed, life.acknowledged);
    }),
    { numRuns: 100 },
  ));

test('crash after crash: recovery itself may be cut short', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const bed = await openBed(seed);
      for (let round = 0; round < 4; round++) {
        const life = new Life(bed);
        life.ids.push(...(await bed.ledger()).keys());
        const living = life.run(3, 15);
        await turns(bed.random.below(400));
        life.isOver = true;
        bed.crash();
        await living;
        const opening = bed.reopen();
        if (bed.random.below(2) === 0) {
          for (let turn = bed.random.below(20); turn > 0; turn--) await Promise.resolve();
          bed.crash();
          await opening.catch(() => undefined);
          await bed.reopen();
        }
        await opening.catch(() => undefined);
      }
      await checkAll(bed, new Set());
    }),
    { numRuns: 25 },
  ));

test('a commit that failed and yet reached the disk finds its content untouched after the next start', async () => {
  const bed = await BlobBed.open();
  const staged = await bed.blobs.stage([content(9000, 1)]);
  await bed.blobs.flush([staged]);
  const write = bed.engine.write.bind(bed.engine);
  bed.engine.write = async (batch, durable) => {
    await write(batch, durable);
    throw new Error('EIO');
  };
  const known = { references: 1, length: 9000, seed: 1 };
  const committing = bed.kv.transact('durable', async (tx) => {
    bed.blobs.attach(tx, staged);
    tx.put(ledgerKey(staged.id), encodeKnown(known));
  });
  await assert.rejects(committing, /stopped/);
  bed.blobs.discard(staged);
  await bed.blobs.stage([content(9000, 2)]);
  bed.crash();
  await bed.reopen();
  await bed.check(staged.id, known);
});
