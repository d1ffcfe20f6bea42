import { test } from 'node:test';
import { simulateFault } from './faults.ts';
import { partFaults } from './part-faults.ts';

const SEEDS = 1;

for (const fault of partFaults) {
  test(`${fault.name}: nothing is lost, nothing else is read, it is told, and all is well afterwards`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      await simulateFault(seed, fault).catch((cause: unknown) => {
        throw new Error(`replay it by: npm run sim -- --seed ${seed} --fault '${fault.name}'`, { cause });
      });
    }
  });
}
