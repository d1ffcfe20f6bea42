import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilOver } from '../../src/cli/wait.ts';
import type { Clock } from '../../src/environment.ts';
import { realClock } from '../../src/environment-real.ts';

const seen = (): { lines: (string | undefined)[]; slept: number[]; clock: Clock } => {
  const slept: number[] = [];
  return { lines: [], slept, clock: { ...realClock(), sleep: async (ms) => void slept.push(ms) } };
};

test('long work is asked for again and again, less and less often, and shown until it is over', async () => {
  const { lines, slept, clock } = seen();
  let done = 0;
  const last = await untilOver(
    { clock, progress: (line) => void lines.push(line) },
    { ask: async () => (done += 1), isOver: (it) => it === 20, line: (it) => `${it} of 20` },
  );
  assert.equal(last, 20);
  assert.deepEqual(lines, [...Array.from({ length: 19 }, (_, at) => `${at + 1} of 20`), undefined]);
  assert.equal(slept[0], 50);
  assert.equal(slept.at(-1), 2000);
});

test('the line of progress goes when the gateway stops to answer', async () => {
  const { lines, clock } = seen();
  let asked = 0;
  const waiting = untilOver(
    { clock, progress: (line) => void lines.push(line) },
    {
      ask: async () => {
        asked += 1;
        if (asked === 2) throw new Error('gone');
        return asked;
      },
      isOver: () => false,
      line: String,
    },
  );
  await assert.rejects(waiting, /gone/);
  assert.deepEqual(lines, ['1', undefined]);
});
