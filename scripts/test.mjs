// `npm test`: set-up, lint, Rust tests, TypeScript tests; ends with the summary of node's test runner.
// Arguments after `--` go to node's runner, e.g. npm test -- --test-name-pattern=rename
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { lint } from './lint.mjs';
import { cargoEnvironment } from './setup/machine.mjs';
import { SetupError, failWith, notice } from './setup/say.mjs';
import { root, setup } from './setup.mjs';

const TEST_MS_MAX = 300_000;

function loudly(title, command, args, options = {}) {
  notice(`\n== ${title}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (status !== 0) throw new SetupError(`${title} failed: what it said is above.`);
}

/** Node 20 takes no globs, and later ones take no folders. */
const testFiles = () =>
  ['dist/test', 'packages/nfs-server-ts/dist/test']
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, file)),
    )
    .filter((file) => file.endsWith('.test.js'))
    .sort();

async function main() {
  await setup();
  lint();
  loudly('cargo test', 'cargo', ['test', '--locked', '--package', 'terrace-core', '--quiet'], {
    cwd: path.join(root, 'native'),
    env: cargoEnvironment(),
  });
  const runner = [
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TEST_MS_MAX}`,
    ...process.argv.slice(2),
  ];
  loudly('TypeScript tests', process.execPath, [...runner, ...testFiles()]);
}

await main().catch(failWith);
