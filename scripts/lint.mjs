// `npm run lint`: everything that a tool can check. Rust's tools are skipped where the tool chain came without them.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cargoEnvironment } from './setup/machine.mjs';
import { SetupError, failWith, notice } from './setup/say.mjs';
import { root, setup } from './setup.mjs';

const node = (script, ...args) => [
  process.execPath,
  [path.join(root, 'node_modules', script), ...args],
  root,
];
const cargo = (...args) => ['cargo', args, path.join(root, 'native')];
const clippy = (...which) => cargo('clippy', '--locked', ...which, '--quiet', '--', '-D', 'warnings');

const checks = [
  { name: 'prettier', run: node('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.') },
  { name: 'eslint', run: node('eslint/bin/eslint.js', '--max-warnings=0', '.') },
  { name: 'cargo fmt', probe: cargo('fmt', '--version'), run: cargo('fmt', '--all', '--check') },
  {
    name: 'clippy, core',
    probe: cargo('clippy', '--version'),
    run: clippy('-p', 'terrace-core', '--all-targets'),
  },
  {
    // The library alone: in a test build of it everything that JavaScript calls looks unused.
    name: 'clippy, bridge',
    probe: cargo('clippy', '--version'),
    run: clippy('-p', 'terrace-bridge'),
  },
];

const statusOf = ([command, args, cwd], stdio) =>
  spawnSync(command, args, { cwd, stdio, env: cargoEnvironment() }).status;

export function lint() {
  for (const { name, probe, run } of checks) {
    if (probe !== undefined && statusOf(probe, 'ignore') !== 0) {
      notice(`== ${name} skipped: this Rust tool chain came without it`);
      continue;
    }
    notice(`== ${name}`);
    if (statusOf(run, 'inherit') !== 0)
      throw new SetupError(`${name} found mistakes: they are listed above.`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setup().catch(failWith);
  try {
    lint();
  } catch (failure) {
    failWith(failure);
  }
}
