import { parseArgs } from 'node:util';
import { simulateCrashes } from './crashes.ts';
import { simulateEveryFlush } from './flushes.ts';

/**
 * `npm run sim -- --seed N [--count COUNT] [--flushes]`: replays one seed, or COUNT of them from N on; stops at the first
 * failure. With `--flushes` the power fails at every flush of a short shift, else at a few random moments of a long one.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    flushes: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.count); seed += 1) {
  try {
    const said = values.flushes
      ? `${await simulateEveryFlush(seed)} crashes`
      : `${(await simulateCrashes(seed)).length} events`;
    process.stdout.write(`seed ${seed}: ${said}, everything in order\n`);
  } catch (cause) {
    process.stdout.write(`seed ${seed} fails\n`);
    throw cause;
  }
}
