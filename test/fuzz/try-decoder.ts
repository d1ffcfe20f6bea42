import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { damagedInputs } from './damage.ts';
import type { Decoder } from './decoder.ts';

/** No input of these lengths may take as long, also on a busy machine. */
const DECODE_MS_MAX = 3_000;

export interface Effort {
  readonly runs: number;
  /** Ends earlier when so much time has gone. */
  readonly milliseconds?: number;
  readonly seed?: number;
}

/** Damaged inputs are decoded or refused, each soon, and nothing else happens. Answers how many were tried. */
export async function tryDecoder(decoder: Decoder, { runs, milliseconds, seed }: Effort): Promise<number> {
  const { decode, isRefusal, close } = await decoder.open();
  let tried = 0;
  const attempt = async (input: Uint8Array): Promise<void> => {
    tried += 1;
    const startedAt = performance.now();
    try {
      await decode(input);
    } catch (failure) {
      if (!isRefusal(failure)) throw new Error(`${decoder.name}: ${inspect(failure)}`, { cause: failure });
    }
    const elapsed = performance.now() - startedAt;
    assert(elapsed < DECODE_MS_MAX, `${decoder.name}: ${input.length} bytes take ${elapsed.toFixed()} ms`);
  };
  try {
    for (const input of decoder.sound) await decode(input);
    await fc.assert(fc.asyncProperty(damagedInputs(decoder), attempt), {
      numRuns: Math.ceil(runs / (decoder.cost ?? 1)),
      ...(seed !== undefined && { seed }),
      ...(milliseconds !== undefined && {
        interruptAfterTimeLimit: milliseconds,
        markInterruptAsFailure: false,
      }),
    });
  } finally {
    await close();
  }
  return tried;
}
