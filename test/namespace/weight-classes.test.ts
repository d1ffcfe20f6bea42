import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ino } from '../../src/namespace/namespace.ts';
import { OpenFiles, type OpenFile } from '../../src/namespace/open-files.ts';
import { WeightClasses } from '../../src/namespace/weight-classes.ts';

test('the heaviest that is found holds at least half as much as any', () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(9), fc.nat(1 << 27)), { maxLength: 60 }),
      fc.subarray([...Array(10).keys()]),
      (changes, excepted) => {
        const files = Array.from({ length: 10 }, (_, ino) => ({ ino }) as unknown as OpenFile);
        const except = new Set(excepted.map((index) => files[index] ?? assert.fail()));
        const weights = new Map<OpenFile, number>(files.map((file) => [file, 0]));
        const classes = new WeightClasses();
        for (const [index, weight] of changes) {
          const file = files[index] ?? assert.fail();
          classes.move(file, weights.get(file) ?? 0, weight);
          weights.set(file, weight);
        }
        const most = Math.max(
          0,
          ...files.filter((file) => !except.has(file)).map((file) => weights.get(file) ?? 0),
        );
        const found = classes.heaviest(except);
        assert.equal(found === undefined, most === 0);
        assert(found === undefined || ((weights.get(found) ?? 0) >= most / 2 && !except.has(found)));
      },
    ),
  ));

test('what is given back goes to those who wait for it, in their order, and wakes nobody else', async () => {
  const files = new OpenFiles();
  const room = { ino: 1 as Ino, client: 'a', bytes: 100 };
  let left = 0;
  const woken: string[] = [];
  const waits = (name: string, bytes: number): (() => void) => {
    const { come, leave } = files.waitForRoom(() => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    });
    void come.then(() => woken.push(name));
    return leave;
  };
  files.reserve(room);
  waits('first', 40);
  const leave = waits('gone', 1);
  waits('second', 50);
  waits('third', 50);
  leave();
  left = 100;
  files.unreserve(room);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([woken, left], [['first', 'second'], 10]);
});
