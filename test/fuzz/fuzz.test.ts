import { test } from 'node:test';
import { allDecoders } from './decoders.ts';
import { tryDecoder } from './try-decoder.ts';

/** Inputs for each decoder; set the variable to search longer. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

for (const decoder of await allDecoders())
  test(`${decoder.name}: damaged input is decoded or refused, soon, and nothing else happens`, async () => {
    await tryDecoder(decoder, { runs: RUNS });
  });
