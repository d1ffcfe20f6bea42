import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import { BLOCK_BYTES, type Allocator, type DeviceExtent } from '../../../src/tiering/hot/device.ts';

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
