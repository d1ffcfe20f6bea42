import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { run } from './double.ts';

const base = await mkdtemp(path.join(tmpdir(), 'terrace-recover-'));
after(() => rm(base, { recursive: true }));
const used = path.join(base, 'used');
await mkdir(used);
await writeFile(path.join(used, 'metadata'), '');
const key = path.join(base, 'key');
await writeFile(key, `${'7'.repeat(64)}\n`);
const warm = ['--from-warm', path.join(base, 'none')];
const secrets = ['--from-secrets', key];

const cases: readonly (readonly [name: string, args: readonly string[], code: number, sentence: RegExp])[] = [
  ['without a key', warm, 2, /write --from-secrets FILE/],
  ['without anything to recover from', secrets, 2, /write --from-warm PATH or --from-cold URL/],
  [
    'into a directory that is in use',
    [...warm, ...secrets, '--data', used],
    1,
    /is not empty: choose a new directory/,
  ],
  [
    'with something else as key',
    [...warm, '--from-secrets', used, '--data', path.join(base, 'a')],
    1,
    /EISDIR|is no secrets.key/,
  ],
  [
    'from a path without a device',
    [...warm, ...secrets, '--data', path.join(base, 'b')],
    1,
    /There is nothing at/,
  ],
  [
    'from a URL that is none',
    ['--from-cold', 'nowhere', ...secrets, '--data', path.join(base, 'c')],
    2,
    /s3:\/\/BUCKET/,
  ],
];

for (const [name, args, code, sentence] of cases)
  test(`a recovery ${name} is refused`, async () => {
    const outcome = await run(['recover', ...args]);
    assert.equal(outcome.code, code);
    assert.match(outcome.errors.join('\n'), sentence);
  });
