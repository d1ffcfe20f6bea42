import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEAT_HALF_LIFE_MS } from '../../src/limits/tiering.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { CleanCopies } from '../../src/tiering/clean-copies.ts';
import { HeatMap } from '../../src/tiering/heat.ts';
import { Rereads } from '../../src/tiering/rereads.ts';
import { TestClock } from '../namespace/world.ts';

const blob = (id: number): BlobId => id as BlobId;
const near = (value: number, want: number): void => {
  assert(Math.abs(value - want) < want / 20, `${value} is not about ${want}`);
};

test('a steady rate is what heat says it is, and it halves in its half-life', () => {
  const clock = new TestClock();
  const heat = new HeatMap(clock);
  for (let read = 0; read < 30_000; read += 1) {
    clock.ms += 100;
    heat.read(blob(1));
    if (read % 5 === 0) heat.write(blob(1));
  }
  near(heat.of(blob(1)).readsPerSecond, 10);
  near(heat.of(blob(1)).writesPerSecond, 2);
  clock.ms += HEAT_HALF_LIFE_MS;
  near(heat.of(blob(1)).readsPerSecond, 5);
  assert.equal(heat.idleMs(blob(1)), HEAT_HALF_LIFE_MS);
});

test('heat is bounded: who was touched longest ago is forgotten first, and is cold', () => {
  const heat = new HeatMap(new TestClock(), 2);
  for (const id of [1, 2, 1, 3]) heat.read(blob(id));
  assert.deepEqual(heat.of(blob(2)), { readsPerSecond: 0, writesPerSecond: 0 });
  assert(heat.of(blob(1)).readsPerSecond > heat.of(blob(3)).readsPerSecond);
  assert.equal(heat.idleMs(blob(2)), undefined);
});

test('clean copies: what was read stays, what nobody read goes, what comes back soon is kept longer', () => {
  const clean = new CleanCopies();
  for (const id of [1, 2, 3, 4]) clean.add(blob(id), 100);
  clean.touch(blob(1));
  clean.touch(blob(3));
  assert.equal(clean.bytes, 400);
  assert.deepEqual([clean.take(), clean.take()], [2, 4]);
  clean.add(blob(2), 100);
  clean.add(blob(5), 100);
  assert.equal(clean.take(), 5, 'new ones go before those that came back');
  assert.equal(clean.bytes, 300);
});

test('clean copies that have left by another way are passed over, and there is an end', () => {
  const clean = new CleanCopies(2);
  for (const id of [1, 2, 3]) clean.add(blob(id), 100);
  clean.forget(blob(1));
  assert.equal(clean.bytes, 100, 'one more than fits is not taken');
  assert.deepEqual([clean.take(), clean.take()], [2, undefined]);
});

test('a blob is read again when a range begins before the end of the last', () => {
  const rereads = new Rereads(2);
  const read = (id: number, offset: number): boolean => rereads.read(blob(id), offset, 10);
  assert.deepEqual([read(1, 0), read(1, 10), read(1, 20)], [false, false, false]);
  assert.equal(read(1, 5), true);
  assert.deepEqual(rereads.take(9), [{ id: 1, offset: 5 }]);
  assert.deepEqual(rereads.take(9), []);
  read(2, 0);
  read(3, 0);
  read(4, 0);
  assert.equal(read(2, 0), false, 'what was read long ago is forgotten');
});
