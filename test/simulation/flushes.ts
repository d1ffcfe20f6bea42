import assert from 'node:assert/strict';
import { Lives, type LivesOptions } from './lives.ts';

/** Few enough that the power can fail at each of their flushes. */
const short: LivesOptions = { actors: 3, operations: 8 };

/** A completion, as the trace has it, with which something reaches stable storage, or somebody hears that it has. */
const boundary = /^\S+ (kv write|device flush|device flush done|(warm|cold) stored)$/;
const completion = /^[\d.]+ /;

/**
 * The same short shift again and again: the power fails right before and right after each completion that makes something
 * durable. Answers how often.
 */
export async function simulateEveryFlush(seed: number): Promise<number> {
  const moments = await momentsOf(seed);
  for (const events of moments) {
    const lives = await Lives.begin(seed, short);
    assert(!(await lives.work(events)), `seed ${seed}: the shift ended before its completion ${events}`);
    try {
      await lives.crash();
      await lives.end();
    } catch (cause) {
      throw new Error(`the power failed after ${events} completions`, { cause });
    }
  }
  return moments.length;
}

/** How many completions there are before each boundary, and with it. */
async function momentsOf(seed: number): Promise<readonly number[]> {
  const lives = await Lives.begin(seed, short);
  const { trace } = lives.simulation;
  const before = trace.length;
  await lives.work();
  const completions = trace.slice(before).filter((line) => completion.test(line));
  const moments = completions.flatMap((line, index) => (boundary.test(line) ? [index, index + 1] : []));
  // The last one of all may be what the shift has waited for: then there is nothing left to interrupt.
  return [...new Set(moments)].filter((moment) => moment < completions.length);
}
