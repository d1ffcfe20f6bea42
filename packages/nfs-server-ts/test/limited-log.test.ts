import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log } from '../src/environment.ts';
import { LimitedLog } from '../src/limited-log.ts';
import { ManualClock } from './support/manual-clock.ts';

function notebook(): { lines: string[]; log: Log } {
  const lines: string[] = [];
  const note =
    (level: string) =>
    (event: string, fields?: Readonly<Record<string, unknown>>): void =>
      void lines.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`);
  return { lines, log: { warn: note('warn'), error: note('error') } };
}

test('an event that happens often is written a few times, then counted, then told when its window is over', async () => {
  const clock = new ManualClock();
  const { lines, log } = notebook();
  const limited = new LimitedLog(log, clock, { logLinesMax: 2, logWindowMs: 1000 });
  for (let count = 0; count < 1000; count++) limited.warn('refused', { count });
  limited.error('failed');
  assert.deepEqual(lines, ['warn refused {"count":0}', 'warn refused {"count":1}', 'error failed {}']);
  await clock.advance(1000);
  limited.sweep(clock.monotonic());
  assert.deepEqual(lines.slice(3), ['warn refused {"suppressed":998}']);
  limited.warn('refused', { count: 1 });
  limited.sweep(clock.monotonic());
  assert.deepEqual(lines.slice(4), ['warn refused {"count":1}']);
});
