import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

/** Importable from everywhere; they import nothing but each other. */
const leaves = ['environment', 'fault', 'scope', 'limits', 'metrics', 'native', 'codec'];

/** Who may import whom. A row is a layer; a layer may always import itself and, but for packages, the leaves. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'gateway', 'environment-real'],
  'environment-real': [],
  config: [],
  scheduler: [],
  signing: [],
  kv: [],
  audit: ['kv'],
  policy: [],
  accounts: ['kv', 'policy'],
  exports: ['kv', 'config'],
  keyring: ['kv', 'tiering', 'workers'],
  workers: [],
  tiering: ['kv', 'workers'],
  namespace: ['tiering', 'keyring', 'kv', 'workers', 'audit'],
  lifecycle: ['namespace'],
  'storage-policy': ['namespace', 'tiering', 'kv', 'config'],
  'gateway/s3': [
    'namespace',
    'lifecycle',
    'accounts',
    'policy',
    'keyring',
    'signing',
    'workers',
    'config',
    'audit',
  ],
  'gateway/nfs': ['namespace', 'exports', 'nfs-server-ts', 'config'],
  'gateway/admin': [
    'namespace',
    'audit',
    'accounts',
    'exports',
    'policy',
    'keyring',
    'signing',
    'tiering',
    'storage-policy',
    'config',
    'scheduler',
  ],
  gateway: [
    'config',
    'scheduler',
    'gateway/s3',
    'gateway/nfs',
    'gateway/admin',
    'namespace',
    'lifecycle',
    'storage-policy',
    'accounts',
    'exports',
    'keyring',
    'policy',
    'tiering',
    'workers',
    'kv',
    'nfs-server-ts',
  ],
  cli: ['config', 'signing', 'gateway', 'gateway/admin'],
  'nfs-server-ts': [],
};

/** Banned in src/ but for the files that see the world; each with what to write instead. */
const banned: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|new Date\(\)/, 'environment.clock.wall()'],
  [/\bperformance\.now\(|\bprocess\.hrtime\b/, 'environment.clock.monotonic()'],
  [/\bMath\.random\(|\brandomUUID\(/, 'environment.random'],
  [/(?<![.\w])set(Timeout|Interval)\(/, 'environment.clock.sleep()'],
  [/(?<![.\w'"`])process\.\w/, 'config, in src/main.ts only'],
  [/(?<![.\w])console\./, 'environment.log'],
];
const touchesTheWorld = /^src\/(main|environment-real)\.ts$/;

/** Banned in every source and test. */
const bannedEverywhere: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME)\b(?!\(#\d+\))/, 'a comment with an issue number, TODO(#12), or the code itself'],
  [/\.only\(|\bonly: true/, 'the whole suite'],
  [/@ts-(ignore|nocheck)/, 'types that are right'],
];

const filenamesBanned = /(^|\/)(utils?|helpers?|common|misc|managers?|services?|types|index)(\.test)?\.ts$/;
const linesMax = 500;

const layerOf = (file: string): string => {
  const parts = file.replace(/^(src|packages)\//, '').split('/');
  const two = parts.slice(0, 2).join('/');
  if (two in mayImport) return two;
  return (parts[0] ?? '').replace(/\.ts$/, '');
};

/** `from '…'`, `import '…'` and `import('…')`. */
const importsOf = (source: string): readonly string[] =>
  [...source.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'([^']+)'/g)].map((found) => found[1] ?? '');

/** The layer that an import reaches; `undefined` for packages of others. */
const importedLayer = (file: string, specifier: string): string | undefined => {
  if (specifier.startsWith('.')) return layerOf(path.posix.join(path.posix.dirname(file), specifier));
  const [name = ''] = specifier.split('/');
  return name in mayImport && name === 'nfs-server-ts' ? name : undefined;
};

const isAllowed = (from: string, to: string): boolean => {
  if (to === from) return true;
  if (leaves.includes(from)) return leaves.includes(to);
  const isPackage = from === 'nfs-server-ts';
  return (!isPackage && leaves.includes(to)) || (mayImport[from] ?? []).includes(to);
};

function* complaints(file: string, source: string): Generator<string> {
  if (filenamesBanned.test(file)) yield `${file}: name the file after what is in it`;
  const lines = source.trimEnd().split('\n').length;
  if (lines > linesMax) yield `${file}: ${lines} lines, at most ${linesMax}`;
  for (const [pattern, instead] of bannedEverywhere) {
    if (pattern.test(source)) yield `${file}: ${pattern.source} is banned, write ${instead}`;
  }
  if (!/^(src|packages\/[^/]+\/src)\//.test(file)) return;
  if (file.startsWith('src/') && !touchesTheWorld.test(file)) {
    for (const [pattern, instead] of banned) {
      if (pattern.test(source)) yield `${file}: ${pattern.source} is banned, use ${instead}`;
    }
  }
  const from = layerOf(file);
  if (!(from in mayImport) && !leaves.includes(from)) yield `${file}: '${from}' is no layer; give it a row`;
  for (const specifier of importsOf(source)) {
    const to = importedLayer(file, specifier);
    if (to !== undefined && !isAllowed(from, to)) yield `${file}: layer '${from}' must not import '${to}'`;
  }
}

const sources = (): readonly string[] => {
  const packages = readdirSync('packages').flatMap((name) => [
    `packages/${name}/src`,
    `packages/${name}/test`,
  ]);
  return ['src', 'test', 'bench', ...packages]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true }).map((file) => path.posix.join(folder, String(file))),
    )
    .filter((file) => file.endsWith('.ts') && file !== 'test/tidy.test.ts');
};

test('every source keeps to its layer, its size and the ban list', () => {
  const files = sources();
  assert(files.length > 0);
  assert.deepEqual(
    files.flatMap((file) => [...complaints(file, readFileSync(file, 'utf8'))]),
    [],
  );
});

const cases = [
  {
    name: 'an arrow upwards',
    file: 'src/namespace/rename.ts',
    source: "import { x } from '../gateway/s3/table.ts';",
    count: 1,
  },
  {
    name: 'an arrow downwards',
    file: 'src/namespace/rename.ts',
    source: "import { x } from '../kv/kv.ts';",
    count: 0,
  },
  {
    name: 'doors that know each other',
    file: 'src/gateway/s3/x.ts',
    source: "import type { x } from '../nfs/y.ts';",
    count: 1,
  },
  {
    name: 'a leaf that knows a layer',
    file: 'src/fault.ts',
    source: "import { x } from './kv/kv.ts';",
    count: 1,
  },
  {
    name: 'a package that knows the product',
    file: 'packages/nfs-server-ts/src/x.ts',
    source: "import { x } from '../../../src/fault.ts';",
    count: 1,
  },
  { name: 'a lazy import', file: 'src/kv/x.ts', source: "await import('../namespace/y.ts');", count: 1 },
  {
    name: 'the package of the NFS protocol below the namespace',
    file: 'src/namespace/x.ts',
    source: "import { x } from 'nfs-server-ts/xdr';",
    count: 1,
  },
  { name: 'the wall clock', file: 'src/namespace/x.ts', source: 'const now = Date.now();', count: 1 },
  { name: 'the process in main', file: 'src/main.ts', source: 'process.exit(0);', count: 0 },
  { name: 'the process elsewhere', file: 'src/cli/x.ts', source: 'process.exit(0);', count: 1 },
  { name: 'a folder without a row', file: 'src/misc/x.ts', source: '', count: 1 },
  { name: 'a name that says nothing', file: 'src/tiering/utils.ts', source: '', count: 1 },
  { name: 'a note without an issue', file: 'src/kv/x.ts', source: '// TODO: later', count: 1 },
  { name: 'a file that is too long', file: 'test/x.test.ts', source: 'x;\n'.repeat(501), count: 1 },
] as const;

for (const { name, file, source, count } of cases) {
  test(`tidy ${count === 0 ? 'accepts' : 'complains about'} ${name}`, () =>
    assert.equal([...complaints(file, source)].length, count));
}
