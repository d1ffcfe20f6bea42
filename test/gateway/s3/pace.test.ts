import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../../src/gateway/s3/pace.ts';

const limits = { windowMs: 10_000, bytesPerSecondMin: 100 };
interface Second {
  readonly bytes: number;
  readonly isItsTurn: boolean;
}

/** In which second the client is found too slow. */
function check(seconds: readonly Second[], want: number | undefined, given = limits): void {
  const pace = new Pace(given, 0);
  const slow = seconds.findIndex(({ bytes, isItsTurn }, index) => {
    pace.moved(bytes);
    return pace.isTooSlow((index + 1) * 1000, isItsTurn);
  });
  assert.equal(slow < 0 ? undefined : slow + 1, want);
}

const steady = (bytes: number, count: number): Second[] =>
  Array.from({ length: count }, () => ({ bytes, isItsTurn: true }));
const ours = (count: number): Second[] =>
  Array.from({ length: count }, () => ({ bytes: 0, isItsTurn: false }));

const cases = [
  { name: 'who keeps the pace is never too slow', seconds: steady(100, 1000), want: undefined },
  { name: 'who is just below it is, at the end of a window', seconds: steady(99, 1000), want: 10 },
  {
    name: 'who stops after a burst is, a window later',
    seconds: [...steady(5000, 1), ...steady(0, 50)],
    want: 20,
  },
  { name: 'time in which we keep the client waiting does not count', seconds: ours(1000), want: undefined },
  { name: 'a turn may be interrupted', seconds: [...steady(0, 9), ...ours(100), ...steady(0, 1)], want: 110 },
] as const;
for (const { name, seconds, want } of cases) test(name, () => check(seconds, want));

test('without a least pace nobody is too slow', () =>
  check(steady(0, 1000), undefined, { ...limits, bytesPerSecondMin: 0 }));
