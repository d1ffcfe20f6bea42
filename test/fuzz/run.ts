import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { allDecoders } from './decoders.ts';
import { tryDecoder } from './try-decoder.ts';

/**
 * `npm run fuzz -- [--decoder NAME] [--seconds N] [--seed SEED]`: each decoder, or those whose names begin so, for so many
 * seconds. `rpc` stands for the fuzzers of the NFS library: XDR, RPC, record marking, NFS, MOUNT, NLM, NSM, port mapper.
 */
const { values } = parseArgs({
  options: {
    decoder: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string' },
  },
});
const milliseconds = Number(values.seconds) * 1000;
const seed = values.seed === undefined ? {} : { seed: Number(values.seed) };

for (const decoder of await allDecoders()) {
  if (!decoder.name.startsWith(values.decoder)) continue;
  const tried = await tryDecoder(decoder, { runs: 2 ** 31, milliseconds, ...seed });
  process.stdout.write(`${decoder.name}: ${tried} inputs\n`);
}
if ('rpc'.startsWith(values.decoder)) {
  const files = ['fuzz', 'lock-fuzz', 'hostile'].map(
    (name) => `packages/nfs-server-ts/dist/test/${name}.test.js`,
  );
  const until = performance.now() + milliseconds;
  let runs = 0;
  do {
    const env = { ...process.env, FUZZ_RUNS: '1000' };
    const { status, stdout } = spawnSync(process.execPath, ['--test', ...files], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stdout);
    runs += 1;
  } while (performance.now() < until);
  process.stdout.write(`rpc: ${runs} times 1,000 calls of each procedure\n`);
}
