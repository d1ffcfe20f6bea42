// `npm run docs`: writes the documents that follow from the code. A test checks that this changes nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failWith } from './setup/say.mjs';
import { root, setup } from './setup.mjs';

await setup().catch(failWith);
const { renderDocument } = await import('../dist/src/config/render.js');
mkdirSync(path.join(root, 'docs'), { recursive: true });
writeFileSync(path.join(root, 'docs/config.md'), renderDocument());
const { renderSupport } = await import('../dist/src/gateway/s3/support-matrix.js');
writeFileSync(path.join(root, 'docs/s3.md'), renderSupport());
