import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { UsageError } from '../../src/config/usage-error.ts';
import { CONFIG_FILE_BYTES_MAX } from '../../src/limits.ts';

suite('a config file', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-config-'))));
  after(() => rm(root, { recursive: true }));

  test('is read whole, up to its bound', async () => {
    const file = path.join(root, 'largest.yaml');
    const text = `# ${'x'.repeat(CONFIG_FILE_BYTES_MAX - 2)}`;
    await writeFile(file, text);
    assert.equal(await readConfigFile(file), text);
  });

  const refused = [
    { name: '/dev/zero', says: `has at most ${CONFIG_FILE_BYTES_MAX} bytes` },
    { name: 'missing.yaml', says: 'cannot be read, there is no such file' },
    { name: '.', says: 'cannot be read, it is a directory' },
  ];
  for (const { name, says } of refused)
    test(`${name} is refused in one sentence, and no more of it is read than a config file may have`, async () => {
      const file = path.resolve(root, name);
      await assert.rejects(readConfigFile(file), (failure: unknown) => {
        assert(failure instanceof UsageError);
        assert(failure.message.includes(`${file}`) && failure.message.includes(says), failure.message);
        return failure.message.endsWith(': name another with --config FILE');
      });
    });
});
