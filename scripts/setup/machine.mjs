// What the build needs of the machine. Missing system packages are installed where that is allowed: as root, with apt.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { SetupError, notice, run } from './say.mjs';

const nodeVersionMin = [20, 19];
/** src/kv opens the library at run time by its C interface, which is stable from this version on. */
const rocksdbVersionMin = 7;
const rustup = 'https://rustup.rs';

const output = (command, args) => {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined; // Absent or unable to run: the same to the caller.
  }
};

const isOlder = (version, least) => {
  const [major = 0, minor = 0] = version;
  return major < least[0] || (major === least[0] && minor < least[1]);
};
const versionIn = (text) => (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);

export function checkNode() {
  if (isOlder(versionIn(process.version), nodeVersionMin)) {
    const least = nodeVersionMin.join('.');
    throw new SetupError(
      `Terrace needs Node.js ${least} or newer and this is ${process.version}: install a newer Node.js, then run the command again.`,
    );
  }
}

const canInstall = () => process.getuid?.() === 0 && output('apt-get', ['--version']) !== undefined;

/** Installs Debian packages with a notice. `why` completes the sentence "Installing x: …". */
async function aptInstall(packages, why) {
  notice(`Installing the system package${packages.length > 1 ? 's' : ''} ${packages.join(', ')}: ${why}.`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const failure = `Could not install ${packages.join(' ')}: run "apt-get update && apt-get install ${packages.join(' ')}" by hand, then run the command again.`;
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...packages];
  await run('apt-get', install, { cwd: '/', env, failure }).catch(async () => {
    // A fresh machine or container has no package lists, or old ones.
    await run('apt-get', ['update'], { cwd: '/', env, failure });
    await run('apt-get', install, { cwd: '/', env, failure });
  });
}

/** The environment for cargo: rustup's folder is often not on the PATH of a service or of `su`. */
export const cargoEnvironment = () => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ''}${path.delimiter}${path.join(process.env.CARGO_HOME ?? path.join(homedir(), '.cargo'), 'bin')}`,
});

const cargoVersion = () => {
  try {
    const text = execFileSync('cargo', ['--version'], {
      encoding: 'utf8',
      env: cargoEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return versionIn(text);
  } catch {
    return undefined;
  }
};

/** Debian's newest cargo for browsers' needs; Debian 12's own `cargo` is too old. Empty where there is none. */
function newerDebianCargo(least) {
  const candidate = /Candidate: (\S+)/.exec(output('apt-cache', ['policy', 'cargo-web']) ?? '')?.[1] ?? '';
  return /^\d/.test(candidate) && !isOlder(versionIn(candidate), least) ? ['cargo-web'] : [];
}

/** Cargo of the version that native/Cargo.toml asks for, and the C linker that it calls. */
export async function checkRust(root) {
  const least = versionIn(
    /rust-version = "([^"]+)"/.exec(readFileSync(path.join(root, 'native/Cargo.toml'), 'utf8'))?.[1] ?? '',
  );
  const version = cargoVersion();
  if (version === undefined) {
    throw new SetupError(
      `Terrace has native parts in Rust and no cargo was found: install Rust ${least.join('.')} or newer (${rustup}), then run the command again.`,
    );
  }
  if (isOlder(version, least)) await renewRust(version, least);
  if (output('cc', ['--version']) !== undefined) return;
  if (!canInstall()) {
    throw new SetupError(
      "Rust needs a C linker and no cc was found: install gcc and the C library's headers (on Debian: apt-get install gcc libc6-dev), then run the command again.",
    );
  }
  await aptInstall(['gcc', 'libc6-dev'], 'Rust links with it');
}

async function renewRust(version, least) {
  const isDebianCargo = output('dpkg', ['-S', '/usr/bin/cargo']) !== undefined;
  if (isDebianCargo && canInstall()) {
    if (newerDebianCargo(least).length === 0) output('apt-get', ['update', '-qq']);
    const packages = newerDebianCargo(least);
    if (packages.length > 0) {
      await aptInstall(
        packages,
        `cargo ${version.join('.')} is too old to build the native parts and this newer one replaces it`,
      );
      return;
    }
  }
  throw new SetupError(
    `Terrace's native parts need Rust ${least.join('.')} or newer and this is ${version.join('.')}: run "rustup update stable" or install Rust from ${rustup}, then run the command again.`,
  );
}

const libraryFolders = () => {
  const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch] ?? '';
  const fixed = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/usr/local/lib'];
  const named = (process.env.LD_LIBRARY_PATH ?? '').split(path.delimiter).filter((it) => it !== '');
  return [...named, ...fixed, ...fixed.map((it) => path.join(it, triplet))];
};

const hasRocksdb = () =>
  libraryFolders().some(
    (folder) =>
      existsSync(folder) &&
      readdirSync(folder).some((name) => {
        const version = /^librocksdb\.so(?:\.(\d+))?/.exec(name);
        return version !== null && Number(version[1] ?? rocksdbVersionMin) >= rocksdbVersionMin;
      }),
  );

/** The newest `librocksdbN.N` that the machine's package lists offer. */
function rocksdbPackage() {
  const names = (output('apt-cache', ['pkgnames', 'librocksdb']) ?? '').split('\n');
  const fit = names.filter(
    (name) => /^librocksdb\d+\.\d+(t64)?$/.test(name) && (versionIn(name)[0] ?? 0) >= rocksdbVersionMin,
  );
  return fit.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1);
}

/** The RocksDB library, which holds the metadata. */
export async function checkRocksdb() {
  if (hasRocksdb()) return;
  if (!canInstall()) {
    const name = rocksdbPackage() ?? 'librocksdb7.8';
    throw new SetupError(
      `Terrace keeps its metadata in RocksDB and found no librocksdb ${rocksdbVersionMin} or newer: install it (on Debian 12: sudo apt-get install ${name}), then run the command again.`,
    );
  }
  if (rocksdbPackage() === undefined) output('apt-get', ['update', '-qq']);
  await aptInstall([rocksdbPackage() ?? 'librocksdb7.8'], 'the metadata is kept in RocksDB');
}
