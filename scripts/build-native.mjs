// Builds the native addon with cargo and puts it where src/native.ts looks for it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const native = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'native');
execFileSync('cargo', ['build', '--release', '--locked', '-p', 'terrace-bridge'], {
  cwd: native,
  stdio: 'inherit',
});
const built = path.join(
  process.env.CARGO_TARGET_DIR ?? path.join(native, 'target'),
  'release',
  'libterrace_bridge.so',
);
const target = path.join(native, 'terrace.node');
// By way of a rename: a running gateway keeps the file that it has mapped.
copyFileSync(built, `${target}.new`);
renameSync(`${target}.new`, target);
