import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, compareTimes, laterOf } from '../../src/namespace/time.ts';
import type { Time } from '../../src/environment.ts';

const time = (seconds: number, nanoseconds: number): Time => ({ seconds, nanoseconds });

const cases = [
  { name: 'a clock that moved is taken', before: time(1, 0), now: time(2, 0), want: time(2, 0) },
  { name: 'within a second too', before: time(1, 5), now: time(1, 6), want: time(1, 6) },
  {
    name: 'a clock that stands still gives the next nanosecond',
    before: time(1, 5),
    now: time(1, 5),
    want: time(1, 6),
  },
  { name: 'one that went back as well', before: time(9, 5), now: time(1, 0), want: time(9, 6) },
  { name: 'nanoseconds carry', before: time(1, 999_999_999), now: time(1, 0), want: time(2, 0) },
  { name: 'also before 1970', before: time(-1, 999_999_999), now: time(-9, 0), want: time(0, 0) },
] as const;

for (const { name, before, now, want } of cases) {
  test(`a change advances the time: ${name}`, () => {
    const after = advance(before, now);
    assert.deepEqual(after, want);
    assert(compareTimes(after, before) > 0);
    assert.deepEqual(laterOf(before, after), after);
    assert.deepEqual(laterOf(after, before), after);
  });
}
