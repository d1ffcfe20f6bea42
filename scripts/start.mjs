// `npm start`: set-up, then this process becomes the gateway, so that signals reach it directly.
import module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { failWith } from './setup/say.mjs';
import { root, setup } from './setup.mjs';

// Node 22 and later keep compiled code between starts.
module.enableCompileCache?.();
await setup().catch(failWith);
const program = path.join(root, 'dist/src/main.js');
process.argv.splice(1, 1, program, 'serve');
await import(pathToFileURL(program).href);
