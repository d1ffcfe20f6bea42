import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { realRandom } from '../../src/environment-real.ts';
import { openSecretsKey } from '../../src/gateway/open-accounts.ts';
import { SECRETS_KEY_BYTES } from '../../src/limits.ts';

suite('the key that seals secrets', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-secrets-'))));
  after(() => rm(root, { recursive: true }));

  test('is made once, for the owner’s eyes only, and found again', async () => {
    const file = path.join(root, 'made');
    const made = await openSecretsKey(realRandom, file);
    assert.equal(made.length, SECRETS_KEY_BYTES);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(Buffer.from(await openSecretsKey(realRandom, file)), Buffer.from(made));
    assert.notDeepEqual(await openSecretsKey(realRandom, path.join(root, 'other')), made);
  });

  for (const text of ['', 'no hex', 'ab'.repeat(SECRETS_KEY_BYTES - 1), 'ab'.repeat(SECRETS_KEY_BYTES + 1)]) {
    test(`a file with "${text.slice(0, 8)}…" of ${text.length} characters is refused and stays as it is`, async () => {
      const file = path.join(root, `broken-${text.length}`);
      await writeFile(file, text);
      await assert.rejects(openSecretsKey(realRandom, file), /holds no key: bring it back/);
      assert.equal((await stat(file)).size, text.length);
    });
  }
});
