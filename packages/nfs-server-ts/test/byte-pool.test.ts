import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BytePool } from '../src/byte-pool.ts';

const limits = { bytesMax: 100, bytesPerAddressMax: 60, ownBytesMax: 10 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what a holder has of its own draws nothing', () => {
  const pool = new BytePool(limits);
  const share = pool.open('a');
  share.hold(10);
  assert.deepEqual([pool.bytes, share.isDrawing], [0, false]);
  share.hold(25);
  assert.deepEqual([pool.bytes, share.isDrawing], [15, true]);
  share.close();
  assert.equal(pool.bytes, 0);
});

test('an address has no more than its share, however many connections it opens', () => {
  const pool = new BytePool(limits);
  const [one, two, other] = [pool.open('a'), pool.open('a'), pool.open('b')];
  one.hold(60);
  assert.deepEqual([two.fits(20), two.fits(21), other.fits(60), other.fits(61)], [true, false, true, false]);
});

test('who waits for room gets it in turn when it is given back, and nobody before it', async () => {
  const pool = new BytePool(limits);
  const shares = ['a', 'b', 'c', 'd'].map((address) => pool.open(address));
  const [a, b, c, d] = shares as [
    (typeof shares)[0],
    (typeof shares)[0],
    (typeof shares)[0],
    (typeof shares)[0],
  ];
  a.hold(70);
  b.hold(40);
  const order: string[] = [];
  c.wait(55, () => {
    order.push('c');
    c.hold(55);
  });
  d.wait(15, () => {
    order.push('d');
    d.hold(15);
  });
  assert.equal(d.fits(15), false, 'it would fit, but c saves up');
  assert.equal(d.fits(10), true, 'of its own');
  b.hold(0);
  await turn();
  assert.deepEqual(order, []);
  a.hold(50);
  await turn();
  assert.deepEqual(order, ['c', 'd']);
  assert.equal(pool.bytes, 40 + 45 + 5);
});

test('an address that has used up its share holds up nobody else', async () => {
  const pool = new BytePool(limits);
  const [greedy, greedier, other] = [pool.open('a'), pool.open('a'), pool.open('b')];
  greedy.hold(70);
  greedier.wait(30, () => assert.fail('there is no room in its share'));
  await turn();
  assert.equal(other.fits(40), true);
  let isServed = false;
  other.wait(40, () => (isServed = true));
  await turn();
  assert.equal(isServed, true);
  greedier.close();
});

test('a waiter that leaves lets the next one in', async () => {
  const pool = new BytePool(limits);
  const [full, half, large, small] = ['a', 'b', 'c', 'd'].map((address) => pool.open(address));
  full!.hold(70);
  half!.hold(30);
  large!.wait(70, () => assert.fail('it left'));
  let isServed = false;
  small!.wait(25, () => (isServed = true));
  await turn();
  assert.equal(isServed, false);
  large!.close();
  await turn();
  assert.equal(isServed, true);
});

test('whatever is held, wished for and given back, the pool is never overdrawn and nobody is forgotten', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ who: fc.nat({ max: 7 }), more: fc.integer({ min: 1, max: 60 }) }), {
        maxLength: 60,
      }),
      async (steps) => {
        const pool = new BytePool(limits);
        const holders = Array.from({ length: 8 }, (_, index) => ({
          share: pool.open(String(index % 3)),
          held: 0,
          isWaiting: false,
        }));
        for (const { who, more } of steps) {
          const holder = holders[who]!;
          if (holder.isWaiting) continue;
          if (holder.held > 0) holder.share.hold((holder.held = 0));
          else if (holder.share.fits(more)) holder.share.hold((holder.held = more));
          else {
            holder.isWaiting = true;
            holder.share.wait(more, () => {
              holder.isWaiting = false;
              holder.share.hold((holder.held = more));
            });
          }
          await turn();
          assert(pool.bytes <= limits.bytesMax);
        }
        for (let round = 0; round < holders.length + 1; round++) {
          for (const holder of holders) holder.share.hold((holder.held = 0));
          await turn();
        }
        assert.deepEqual([pool.bytes, pool.isAwaited], [0, false]);
      },
    ),
  ));
