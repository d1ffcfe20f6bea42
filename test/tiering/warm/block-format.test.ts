import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  emptyBlock,
  entryAt,
  fingerprintOf,
  readBlockHead,
  sealedBlock,
  withEntry,
  type CatalogueEntry,
} from '../../../src/tiering/warm/block/catalogue-block.ts';
import { FreeSpace } from '../../../src/tiering/warm/block/free-space.ts';
import { ShardIndex } from '../../../src/tiering/warm/block/shard-index.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  ENTRIES_PER_BLOCK,
  geometryOf,
} from '../../../src/tiering/warm/block/superblock.ts';
import { idOf } from './pool-bed.ts';

const MIB = 1 << 20;
const geometry = geometryOf(300 * MIB) ?? assert.fail('large enough');
const superblock = { pool: 'ab'.repeat(16), device: 'cd'.repeat(16), generation: 7, geometry };
const head = { device: superblock.device, number: 5, sequence: 9 };
const entry: CatalogueEntry = {
  name: { id: idOf(77), generation: 3, index: 5 },
  bytes: 70_000,
  sequence: 12,
  extents: [
    { offset: geometry.dataStart, length: 65_536 },
    { offset: geometry.dataEnd - 8_192, length: 8_192 },
  ],
};
const sealed = sealedBlock(withEntry(emptyBlock(), 30, entry), head);

/** Some bytes of it are others. */
const mutationsOf = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    })
    .map((changes) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, flip] of changes) changed[at]! ^= flip;
      return changed;
    });

suite('what lies on a block device of the warm pool', () => {
  test('is read as it was written', () => {
    assert.deepEqual(decodeSuperblock(encodeSuperblock(superblock)), { state: 'ours', superblock });
    assert.deepEqual(readBlockHead(sealed), head);
    assert.deepEqual(entryAt(sealed, 30, geometry), entry);
    assert.equal(entryAt(sealed, 0, geometry), undefined);
    assert.equal(entryAt(withEntry(sealed, 30, undefined), 30, geometry), undefined);
  });

  test('an entry of every shape and any extents comes back', () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 11 }),
        fc.nat(ENTRIES_PER_BLOCK - 1),
        fc.nat(65_535),
        (blocks, position, index) => {
          const extents = blocks.map((some, nth) => ({
            offset: geometry.dataStart + nth * 5 * MIB,
            length: (some + 1) * 4_096,
          }));
          const bytes = extents.reduce((sum, { length }) => sum + length, 0) - 4_095;
          const wanted = { ...entry, name: { ...entry.name, index }, bytes, extents };
          assert.deepEqual(entryAt(withEntry(sealed, position, wanted), position, geometry), wanted);
        },
      ),
    ));

  test('damage to a superblock is noticed, and nothing that is none passes for one', () => {
    fc.assert(
      fc.property(mutationsOf(encodeSuperblock(superblock).subarray(0, 76)), (changed) => {
        const bytes = Buffer.concat([changed], 4_096);
        const { state } = decodeSuperblock(bytes);
        assert.ok(
          Buffer.compare(changed, encodeSuperblock(superblock).subarray(0, 76)) === 0 || state !== 'ours',
        );
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4_096 }), (noise) => {
        const bytes = Buffer.concat([noise], 4_096);
        bytes.write('TERRACEw', 'latin1');
        bytes.writeUInt32LE(1, 8);
        assert.notEqual(decodeSuperblock(bytes).state, 'ours');
      }),
    );
    assert.equal(decodeSuperblock(new Uint8Array(4_096)).state, 'zero');
    assert.equal(decodeSuperblock(new Uint8Array(4_096).fill(1)).state, 'foreign');
    const newer = encodeSuperblock(superblock);
    newer[8] = 2;
    assert.deepEqual(decodeSuperblock(newer), { state: 'newer', version: 2 });
  });

  test('damage to a block of the catalogue is noticed, and what a sound checksum covers is bounded all the same', () => {
    fc.assert(
      fc.property(mutationsOf(sealed), (changed) => {
        assert.ok(Buffer.compare(changed, sealed) === 0 || readBlockHead(changed) === undefined);
      }),
    );
    fc.assert(
      fc.property(mutationsOf(sealed), fc.nat(ENTRIES_PER_BLOCK - 1), (changed, position) => {
        const found = entryAt(sealedBlock(changed, head), position, geometry);
        for (const { offset, length } of found?.extents ?? []) {
          assert.ok(offset >= geometry.dataStart && offset + length <= geometry.dataEnd && length > 0);
        }
        const bytes = (found?.extents ?? []).reduce((sum, { length }) => sum + length, 0);
        assert.ok(bytes <= 64 * MIB + 4_096);
      }),
    );
  });

  test('a device of every size has a place for a catalogue and most of it for shards', () =>
    fc.assert(
      fc.property(fc.integer({ min: 128 * MIB, max: 2 ** 46 }), (bytes) => {
        const { groups, dataStart, dataEnd } = geometryOf(bytes) ?? assert.fail();
        assert.ok(groups > 0 && dataEnd <= bytes && dataEnd > bytes - 4_096);
        assert.ok(dataStart <= MIB * 2 + bytes / 400);
        assert.equal(geometryOf(100 * MIB), undefined);
      }),
    ));
});

suite('free space of a block device', () => {
  test('is given out once, joins again, and is all free in the end', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.boolean(), fc.nat(100)), { maxLength: 200 }), (steps) => {
        const all = { offset: 1_000, length: 1_000 };
        const free = new FreeSpace([all]);
        const used = new Set<number>();
        const held: { offset: number; length: number }[][] = [];
        for (const [length, isRelease, which] of steps) {
          if (isRelease || length === 0) {
            for (const extent of held.splice(which % Math.max(1, held.length), 1).flat()) {
              free.release(extent);
              for (let at = extent.offset; at < extent.offset + extent.length; at++) used.delete(at);
            }
            continue;
          }
          const extents = free.allocate(length, 4);
          if (extents === undefined) continue;
          assert.ok(extents.length <= 4);
          for (const { offset, length: some } of extents) {
            for (let at = offset; at < offset + some; at++) {
              assert.ok(!used.has(at) && at >= 1_000 && at < 2_000);
              used.add(at);
            }
          }
          held.push([...extents]);
          assert.equal(free.bytes, 1_000 - used.size);
        }
        for (const extent of held.flat()) free.release(extent);
        assert.deepEqual(free.allocate(1_000, 1), [all], 'one run again');
        assert.throws(() => free.release({ offset: 1_000, length: 1_000 }) ?? free.release(all), /twice/);
      }),
    ));

  test('that is in pieces is used up to as many as an entry has room for', () => {
    const free = new FreeSpace([0, 20, 40, 60].map((offset) => ({ offset, length: offset === 40 ? 9 : 5 })));
    assert.equal(free.allocate(20, 3), undefined);
    assert.deepEqual(free.allocate(15, 3)?.length, 3);
    assert.equal(free.bytes, 9);
  });
});

suite('the index of a catalogue', () => {
  test('finds all slots of a name among many, also after others went', () => {
    const index = new ShardIndex();
    const names = Array.from({ length: 3_000 }, (_, n) => ({ id: idOf(n), generation: 1, index: n % 6 }));
    for (const [slot, name] of names.entries()) index.add(fingerprintOf(name), slot);
    for (const [slot, name] of names.entries()) if (slot % 3 !== 0) index.remove(fingerprintOf(name), slot);
    assert.equal(index.count, 1_000);
    for (const [slot, name] of names.entries()) {
      assert.equal(index.has(fingerprintOf(name), slot), slot % 3 === 0);
      assert.equal([...index.slotsOf(fingerprintOf(name))].includes(slot), slot % 3 === 0);
    }
  });

  test('keeps apart slots whose names have the same fingerprint', () => {
    const index = new ShardIndex();
    for (const slot of [4, 5, 6]) index.add(1_023, slot);
    index.add(0, 7);
    index.remove(1_023, 5);
    assert.deepEqual([...index.slotsOf(1_023)], [4, 6]);
    assert.deepEqual([...index.slotsOf(0)], [7]);
  });
});
