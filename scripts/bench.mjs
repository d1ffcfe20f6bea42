// `npm run bench -- --drivers DIR`: set-up, then bench/run.ts.
import { failWith } from './setup/say.mjs';
import { setup } from './setup.mjs';

await setup().catch(failWith);
await import('../dist/bench/run.js');
