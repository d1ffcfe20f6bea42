import { parseArgs } from 'node:util';
import { brokenDoors, forgetfulDoors } from './broken-doors.ts';
import { RealGateway } from './real-gateway.ts';
import { realRound } from './real-round.ts';
import { simulateRound } from './simulated-round.ts';

/**
 * `npm run history -- --seed N [--count COUNT] [--crashes] [--moves] [--sockets] [--broken HOW]`: COUNT rounds from seed N
 * on, in simulation or, with `--sockets`, against the program itself; stops at the first that no order of calls explains.
 * HOW is one of the ways to break the doors, in front of which the checker has to fail.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    crashes: { type: 'boolean', default: false },
    moves: { type: 'boolean', default: false },
    sockets: { type: 'boolean', default: false },
    broken: { type: 'string' },
  },
});
const { crashes, moves, sockets, broken } = values;
const breaking = { ...brokenDoors, ...forgetfulDoors }[broken ?? ''];
if (broken !== undefined && breaking === undefined)
  throw new Error(`--broken is one of: ${Object.keys({ ...brokenDoors, ...forgetfulDoors }).join('; ')}`);

const gateway = sockets ? await RealGateway.open({ warm: moves ? 3 : 0 }) : undefined;
const first = Number(values.seed);
const startedAt = performance.now();
let calls = 0;
try {
  for (let seed = first; seed < first + Number(values.count); seed += 1) {
    const around = breaking === undefined ? {} : { around: breaking() };
    try {
      calls +=
        gateway === undefined
          ? await simulateRound(seed, { crashes, moves, ...around })
          : await realRound(gateway, { seed, kills: crashes, moves, ...around });
    } catch (cause) {
      process.stdout.write(`seed ${seed} fails\n`);
      throw cause;
    }
  }
} finally {
  await gateway?.close();
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
process.stdout.write(`${values.count} rounds, ${calls} answers explained, ${seconds} s\n`);
