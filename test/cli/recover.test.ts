import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { linesOf } from '../../src/cli/recover.ts';
import { isAllBack, RecoveryCounts, type RecoveryReport } from '../../src/gateway/recovery-report.ts';
import { keys, liveDoor } from '../gateway/s3/live-door.ts';
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

const reportOf = (report: Partial<RecoveryReport>): RecoveryReport => {
  const { files, bytes, filesWithGaps, counts, lost } = new RecoveryCounts();
  return { files, bytes, filesWithGaps, counts, lost, ...report };
};

test('objects under their own keys did not come back, and the report says how to have them', () => {
  const cold = { place: 's3://old/p', segmentsLost: 0, nativeBuckets: 0 };
  assert(isAllBack(reportOf({ cold })));
  assert(!isAllBack(reportOf({ cold: { ...cold, segmentsLost: 1 } })));
  const native = reportOf({ cold: { ...cold, nativeBuckets: 2 } });
  assert(!isAllBack(native));
  assert.match(
    [...linesOf(native)].join('\n'),
    /^Objects under their own keys: 2 buckets, not brought: copy .* any S3 client/m,
  );
  assert.doesNotMatch([...linesOf(reportOf({ cold }))].join('\n'), /own keys/);
});

test('where there are objects under their own keys and no segments, the key is not blamed', async (context) => {
  const { s3, port } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket: 'old' }));
  for (const Key of ['p/terrace.json', 'p/photos/a', 'p/photos/b', 'p/letters/c'])
    await s3.send(new PutObjectCommand({ Bucket: 'old', Key, Body: '{}' }));
  const url = `s3://old/p?endpoint=http://127.0.0.1:${port}`;
  const outcome = await run(['recover', '--from-cold', url, ...secrets, '--data', path.join(base, 'd')], {
    variables: {
      TERRACE_COLD_ACCESS_KEY_ID: keys.accessKey,
      TERRACE_COLD_SECRET_ACCESS_KEY: keys.secretKey,
    },
  });
  assert.equal(outcome.code, 1);
  const said = outcome.errors.join('\n');
  assert.match(said, /there are no segments\. Objects of 2 buckets .* under their own keys/);
  assert.doesNotMatch(said, /is not the key/);
});
