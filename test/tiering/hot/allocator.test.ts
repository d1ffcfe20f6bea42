import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import {
  BLOCK_BYTES,
  MEBIBYTE_BYTES,
  REGION_BYTES,
  type Allocator,
  type DeviceExtent,
} from '../../../src/tiering/hot/device.ts';

const MEBIBYTE = 1 << 20;
const REGION = 64 * MEBIBYTE;

/** The plain reference: one flag a block. It says what is free, and how long the longest run could be. */
class Blocks {
  readonly #used: boolean[] = [];

  constructor(bytes: number) {
    this.grow(bytes);
  }

  grow(bytes: number): void {
    while (this.#used.length < bytes / BLOCK_BYTES) this.#used.push(false);
  }

  free(): number {
    return this.#used.filter((used) => !used).length * BLOCK_BYTES;
  }

  mark(extent: DeviceExtent, used: boolean): void {
    assert(extent.length > 0);
    const end = (extent.offset + extent.length) / BLOCK_BYTES;
    assert(end <= this.#used.length, 'inside the device');
    for (let block = extent.offset / BLOCK_BYTES; block < end; block++) {
      assert.equal(this.#used[block], !used, `block ${block}`);
      this.#used[block] = used;
    }
  }

  /** Bytes in use of each unit of this many bytes. */
  usedIn(bytes: number): readonly number[] {
    const blocks = bytes / BLOCK_BYTES;
    return Array.from(
      { length: this.#used.length / blocks },
      (_, unit) => this.#used.slice(unit * blocks, (unit + 1) * blocks).filter(Boolean).length * BLOCK_BYTES,
    );
  }

  /** Whether some unit of this many bytes, aligned to its size, is wholly free. */
  hasUnit(bytes: number): boolean {
    const blocks = bytes / BLOCK_BYTES;
    for (let at = 0; at < this.#used.length; at += blocks) {
      let block = at;
      while (block < at + blocks && this.#used[block] === false) block++;
      if (block === at + blocks) return true;
    }
    return false;
  }
}

const lengthArbitrary = fc.oneof(
  fc.integer({ min: 1, max: 70_000 }),
  fc.integer({ min: 1, max: 3 * MEBIBYTE }),
  fc.constantFrom(BLOCK_BYTES, 65_536, MEBIBYTE, MEBIBYTE - BLOCK_BYTES, 30 * MEBIBYTE, REGION, REGION + 1),
);
const stepArbitrary = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('allocate' as const), length: lengthArbitrary }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const) }) },
);

function allocateBoth(
  allocator: Allocator,
  blocks: Blocks,
  length: number,
): readonly DeviceExtent[] | undefined {
  const rounded = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  const fits = rounded <= blocks.free();
  const unit = [BLOCK_BYTES, 65_536, MEBIBYTE, REGION].find((bytes) => bytes >= rounded);
  const isOnePiece = unit !== undefined && blocks.hasUnit(unit);
  const extents = allocator.allocate(length);
  assert.equal(extents !== undefined, fits, 'space is refused only when there is less than that');
  if (extents === undefined) return undefined;
  for (const extent of extents) blocks.mark(extent, true);
  assert.equal(
    extents.reduce((sum, extent) => sum + extent.length, 0),
    rounded,
  );
  if (isOnePiece) assert.equal(extents.length, 1, 'one extent where a unit of its class is free');
  return extents;
}

test('any sequence of allocations, releases and growth hands out every block at most once and counts them', () =>
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 60 }), (steps) => {
      let bytes = 2 * REGION;
      const allocator = openAllocator(bytes);
      const blocks = new Blocks(bytes);
      const live: (readonly DeviceExtent[])[] = [];
      for (const step of steps) {
        if (step.kind === 'allocate') {
          const extents = allocateBoth(allocator, blocks, step.length);
          if (extents !== undefined) live.push(extents);
        } else if (step.kind === 'release' && live.length > 0) {
          for (const extent of live.splice(step.pick % live.length, 1)[0] ?? []) {
            allocator.release(extent);
            blocks.mark(extent, false);
          }
        } else if (step.kind === 'grow' && bytes < 4 * REGION) {
          bytes += REGION;
          allocator.grow(bytes);
          blocks.grow(bytes);
        }
        assert.equal(allocator.bytesFree(), blocks.free());
        assert.equal(allocator.bytesTotal(), bytes);
      }
      for (const extent of live.flat()) allocator.release(extent);
      for (let region = 0; region < bytes / REGION; region++) {
        assert.equal(allocator.allocate(REGION)?.length, 1, 'everything coalesces');
      }
      assert.equal(allocator.bytesFree(), 0);
    }),
    { numRuns: 60 },
  ));

const unitArbitrary = fc.constantFrom(MEBIBYTE_BYTES, REGION_BYTES);

test('what is sparse, what is wholly free and how much of it there is agrees with a flag a block', () =>
  fc.assert(
    fc.property(fc.array(lengthArbitrary, { maxLength: 40 }), fc.array(fc.nat()), (lengths, picks) => {
      const allocator = openAllocator(2 * REGION);
      const blocks = new Blocks(2 * REGION);
      const live = lengths.flatMap((length) => allocateBoth(allocator, blocks, length) ?? []);
      for (const pick of picks) {
        const [extent] = live.splice(pick % Math.max(1, live.length), 1);
        if (extent === undefined) continue;
        allocator.release(extent);
        blocks.mark(extent, false);
      }
      for (const unit of [MEBIBYTE_BYTES, REGION_BYTES] as const) {
        const used = blocks.usedIn(unit);
        const whole = used.filter((bytes) => bytes === 0).length;
        assert.equal(allocator.bytesFreeIn(unit), whole * unit);
        const sparse = used.flatMap((bytesUsed, index) =>
          bytesUsed > 0 && bytesUsed <= unit / 4 ? [{ index, bytesUsed }] : [],
        );
        assert.deepEqual(allocator.sparse(unit, 0, used.length + 1), sparse);
        assert.deepEqual(
          allocator.sparse(unit, 1, 1),
          sparse.filter(({ index }) => index === 1),
        );
      }
      for (const [index, bytes] of blocks.usedIn(MEBIBYTE).entries()) {
        assert.equal(allocator.isFree({ offset: index * MEBIBYTE, length: MEBIBYTE }), bytes === 0);
      }
    }),
    { numRuns: 40 },
  ));

test('nothing is placed in units that are shunned while there is other room, and in need all of it is handed out', () =>
  fc.assert(
    fc.property(
      fc.array(lengthArbitrary, { maxLength: 20 }),
      unitArbitrary,
      fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
      fc.array(lengthArbitrary, { minLength: 1, maxLength: 40 }),
      (before, unit, numbers, after) => {
        const allocator = openAllocator(2 * REGION);
        const blocks = new Blocks(2 * REGION);
        const live = before.flatMap((length) => allocateBoth(allocator, blocks, length) ?? []);
        const shunned = new Set(numbers.map((number) => number % ((2 * REGION) / unit)));
        const isWhole = (index: number): boolean => blocks.usedIn(unit)[index] === 0;
        const partly = [...shunned].filter((index) => !isWhole(index));
        allocator.shun(unit, partly);
        for (const extent of live.splice(0, live.length >> 1)) {
          allocator.release(extent);
          blocks.mark(extent, false);
        }
        for (const length of after) {
          // A MiB that has become wholly free meanwhile is what shunning is for; a region stays shunned.
          const used = unit === MEBIBYTE_BYTES ? blocks.usedIn(unit) : [];
          const wholeBefore = new Set(used.flatMap((bytes, index) => (bytes === 0 ? [index] : [])));
          const extents = allocator.allocate(length) ?? [];
          for (const extent of extents) blocks.mark(extent, true);
          if (!allocator.isShunning()) break;
          const met = partly.filter(
            (index) =>
              !wholeBefore.has(index) &&
              extents.some(
                ({ offset, length: bytes }) => offset < (index + 1) * unit && offset + bytes > index * unit,
              ),
          );
          assert.deepEqual(met, [], 'nothing is placed in them');
        }
        while (blocks.free() > 0) {
          for (const extent of allocator.allocate(Math.min(blocks.free(), REGION)) ?? []) {
            blocks.mark(extent, true);
          }
        }
        assert.equal(allocator.bytesFree(), 0);
      },
    ),
    { numRuns: 40 },
  ));

test('the last free blocks are found even when no two of them touch', () => {
  const allocator = openAllocator(REGION);
  allocator.reserve({ offset: 0, length: REGION });
  for (let at = 0; at < REGION; at += 2 * BLOCK_BYTES) allocator.release({ offset: at, length: BLOCK_BYTES });
  const extents = allocator.allocate(MEBIBYTE);
  assert.equal(extents?.length, 256);
  assert.equal(new Set(extents?.map(({ offset }) => offset)).size, 256);
});

test('a fresh device fills from its start, so that a growing file is used in order', () => {
  const allocator = openAllocator(2 * REGION);
  const offsets = [MEBIBYTE, MEBIBYTE, 4096, REGION].map((length) => allocator.allocate(length)?.[0]?.offset);
  assert.deepEqual(offsets, [0, MEBIBYTE, 2 * MEBIBYTE, REGION]);
});

test('space that two rows claim, or that is freed twice, is a broken invariant', () => {
  const extent = { offset: 65_536, length: 3 * BLOCK_BYTES };
  const allocator = openAllocator(REGION);
  allocator.reserve(extent);
  assert.throws(
    () => allocator.reserve({ offset: 65_536 + 2 * BLOCK_BYTES, length: MEBIBYTE }),
    /in use twice/,
  );
  const other = openAllocator(REGION);
  other.reserve(extent);
  other.release(extent);
  assert.throws(() => other.release(extent), /freed twice/);
  assert.throws(() => other.reserve({ offset: REGION, length: BLOCK_BYTES }), /outside the device/);
  assert.throws(() => other.release({ offset: 5, length: BLOCK_BYTES }), /extent at 5/);
});

test('what was reserved while rebuilding is what allocation had taken', () =>
  fc.assert(
    fc.property(fc.array(lengthArbitrary, { maxLength: 20 }), (lengths) => {
      const before = openAllocator(2 * REGION);
      const extents = lengths.flatMap((length) => before.allocate(length) ?? []);
      const after = openAllocator(2 * REGION);
      for (const extent of extents) after.reserve(extent);
      assert.equal(after.bytesFree(), before.bytesFree());
      for (const extent of extents) after.release(extent);
      assert.equal(after.bytesFree(), 2 * REGION);
    }),
    { numRuns: 30 },
  ));
