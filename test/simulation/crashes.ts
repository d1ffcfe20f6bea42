import { Lives } from './lives.ts';

const CRASHES_MAX = 2;
const EVENTS_BEFORE_CRASH_MAX = 700;

/** Several actors and the background at work, crashes at random moments; answers the trace. */
export async function simulateCrashes(seed: number): Promise<readonly string[]> {
  const lives = await Lives.begin(seed, { actors: 3, operations: 25 });
  const { random } = lives.simulation;
  const crashes = random.below(CRASHES_MAX + 1);
  for (let count = 0; count < crashes; count += 1) {
    await lives.work(random.below(EVENTS_BEFORE_CRASH_MAX));
    await lives.crash();
  }
  await lives.work();
  await lives.end();
  return lives.simulation.trace;
}
