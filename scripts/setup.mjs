// Installs and builds what is not up to date. Needs only Node: it runs before any `npm install`.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cargoEnvironment, checkNode, checkRocksdb, checkRust } from './setup/machine.mjs';
import { failWith, notice, run, step } from './setup/say.mjs';
import { openStamps, pruneOutputs } from './setup/stamps.mjs';

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const packages = ['nfs-server-ts'];
const compiled = ['src', 'test', 'bench'];
const program = path.join(root, 'bin/terrace.cjs');
const addon = path.join(root, 'native/terrace.node');
const link = path.join(root, 'node_modules/.bin/terrace');

/** npm as it was started, or the one on the PATH; other package managers cannot read package-lock.json. */
function npm() {
  const started = process.env.npm_execpath ?? '';
  return path.basename(started) === 'npm-cli.js' ? [process.execPath, started] : ['npm'];
}

async function installPackages(onOutput) {
  const [command, ...args] = npm();
  await run(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    onOutput,
    failure:
      'The npm packages could not be installed: check the network and the npm settings, then run the command again.',
  });
}

async function buildNative(onOutput) {
  await run(process.execPath, [path.join(root, 'scripts/build-native.mjs')], {
    cwd: root,
    env: cargoEnvironment(),
    onOutput,
    failure: 'The native addon could not be built: what cargo said is above.',
  });
}

async function buildTypeScript(onOutput) {
  pruneOutputs(root, path.join(root, 'dist'), compiled);
  for (const name of packages) {
    const folder = path.join(root, 'packages', name);
    pruneOutputs(folder, path.join(folder, 'dist'), ['src', 'test']);
  }
  await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-b'], {
    cwd: root,
    onOutput,
    failure: 'TypeScript could not be compiled: what the compiler said is above.',
  });
}

/** Makes `npx terrace` and `node_modules/.bin/terrace` work in the checkout: npm links only dependencies. */
function linkProgram() {
  chmodSync(program, 0o755);
  mkdirSync(path.dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(path.relative(path.dirname(link), program), link);
}

function stepsOf(stamps) {
  const manifests = [
    'package.json',
    'package-lock.json',
    '.npmrc',
    ...packages.map((name) => `packages/${name}/package.json`),
  ];
  const sources = [...compiled, 'packages', 'tsconfig.json', 'tsconfig.base.json', 'package-lock.json'];
  const here = [process.arch, process.versions.modules];
  return [
    {
      name: 'npm',
      title: 'npm packages',
      hash: stamps.hash('npm', manifests, here),
      isThere: existsSync(path.join(root, 'node_modules/typescript')),
      make: installPackages,
    },
    {
      name: 'native',
      title: 'native addon (cargo)',
      hash: stamps.hash('native', ['native', 'scripts/build-native.mjs'], here),
      isThere: existsSync(addon),
      make: buildNative,
    },
    {
      name: 'typescript',
      title: 'TypeScript',
      hash: stamps.hash('typescript', sources),
      isThere: existsSync(link),
      make: async (onOutput) => {
        await buildTypeScript(onOutput);
        linkProgram();
      },
    },
  ];
}

/** Brings the checkout up to date; the work that is done already is skipped in a fraction of a second. */
export async function setup() {
  checkNode();
  await checkRocksdb();
  const stamps = openStamps(root);
  const due = stepsOf(stamps).filter(({ name, hash, isThere }) => !isThere || !stamps.isCurrent(name, hash));
  // npm ci empties node_modules, where the stamps and the link to the program are.
  const all = due.some(({ name }) => name === 'npm') ? stepsOf(stamps) : due;
  if (all.some(({ name }) => name === 'native')) await checkRust(root);
  for (const [index, { name, title, hash, make }] of all.entries()) {
    await step(index + 1, all.length, title, make);
    stamps.save(name, hash);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setup().catch(failWith);
  notice('Set up: run "npx terrace --help" or "npm start".');
}
