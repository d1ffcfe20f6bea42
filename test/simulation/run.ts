import { parseArgs } from 'node:util';
import { simulateCrashes } from './crashes.ts';
import { simulateFault } from './faults.ts';
import { partFault } from './part-faults.ts';

/**
 * `npm run sim -- --seed N [--count COUNT] [--fault NAME]`: replays one seed, or COUNT of them from N on; stops at the first failure.
 * Power losses where no fault of a part is named.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    fault: { type: 'string' },
  },
});
const simulate = (seed: number): Promise<readonly string[]> =>
  values.fault === undefined ? simulateCrashes(seed) : simulateFault(seed, partFault(values.fault));
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.count); seed += 1) {
  try {
    const trace = await simulate(seed);
    process.stdout.write(`seed ${seed}: ${trace.length} events, everything in order\n`);
  } catch (cause) {
    process.stdout.write(`seed ${seed} fails\n`);
    throw cause;
  }
}
