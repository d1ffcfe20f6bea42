import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../kv/seeded-random.ts';
import { checkSettledStore } from '../check-store.ts';
import { settle } from '../world.ts';
import { operate } from './operations.ts';
import { Pair } from './pair.ts';

const SEEDS = 200;
const OPERATIONS = 60;

/** Random operations on a namespace and its model, with a look at everything after every `interval` of them. */
async function agree(seed: number, interval: number): Promise<void> {
  const pair = await Pair.open(seededRandom(seed));
  for (let count = 1; count <= OPERATIONS; count += 1) {
    await operate(pair);
    if (count % interval === 0) await pair.compare();
  }
  await pair.world.namespace.close();
  await settle(pair.world);
  await checkSettledStore(pair.world);
  await pair.compare();
}

/** The shortest run of that seed that shows the failure. */
async function shortest(seed: number): Promise<string> {
  const pair = await Pair.open(seededRandom(seed));
  for (let count = 1; count <= OPERATIONS; count += 1) {
    try {
      const name = await operate(pair);
      await pair.compare().catch((cause: unknown) => {
        throw new Error(`after ${name}`, { cause });
      });
    } catch (cause) {
      const { stack } =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause : (cause as Error);
      return `seed ${seed}, operation ${count}: ${String(cause)}: ${stack}`;
    }
  }
  return `seed ${seed}, after the end`;
}

test('random operations through both doors do what the model does', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    await agree(seed, 20).catch(async (cause: unknown) => assert.fail(`${await shortest(seed)}\n${cause}`));
  }
});
