import { parseArgs } from 'node:util';
import { simulateCrashes } from './crashes.ts';

/** `npm run sim -- --seed N [--count COUNT]`: replays one seed, or COUNT of them from N on; stops at the first failure. */
const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '1' } },
});
const first = Number(values.seed);
for (let seed = first; seed < first + Number(values.count); seed += 1) {
  try {
    const trace = await simulateCrashes(seed);
    process.stdout.write(`seed ${seed}: ${trace.length} events, everything in order\n`);
  } catch (cause) {
    process.stdout.write(`seed ${seed} fails\n`);
    throw cause;
  }
}
