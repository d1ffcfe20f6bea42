import { parseArgs } from 'node:util';
import { simulateCrashes } from './crashes.ts';
import { simulateFault } from './faults.ts';
import { simulateEveryFlush } from './flushes.ts';
import { partFault } from './part-faults.ts';

/**
 * `npm run sim -- --seed N [--count COUNT] [--flushes | --fault NAME]`: replays one seed, or COUNT of them from N on; stops at the first
 * failure. With `--flushes` the power fails at every flush of a short shift; with `--fault` a part fails for a while (part-faults.ts);
 * else the power fails at a few random moments of a long shift.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    flushes: { type: 'boolean', default: false },
    fault: { type: 'string' },
  },
});
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.count); seed += 1) {
  try {
    process.stdout.write(`seed ${seed}: ${await simulated(seed)}, everything in order\n`);
  } catch (cause) {
    process.stdout.write(`seed ${seed} fails\n`);
    throw cause;
  }
}

async function simulated(seed: number): Promise<string> {
  const { flushes, fault } = values;
  if (flushes) return `${await simulateEveryFlush(seed)} crashes`;
  const trace =
    fault === undefined ? await simulateCrashes(seed) : await simulateFault(seed, partFault(fault));
  return `${trace.length} events`;
}
