import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { realRandom } from '../../src/environment-real.ts';
import { Fault } from '../../src/fault.ts';
import { openRootKeys, rootKeysFile, type RootKeys } from '../../src/gateway/root-keys.ts';

suite('root keys', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-keys-'))));
  after(() => rm(root, { recursive: true }));
  const fresh = (): Promise<string> => mkdtemp(path.join(root, 'data-'));
  const openIn = (directory: string, set = {}): Promise<RootKeys> =>
    openRootKeys({ random: realRandom }, directory, set);

  test('the first start makes them, for the owner’s eyes only, and the second finds them', async () => {
    const directory = await fresh();
    const made = await openIn(directory);
    assert.equal(made.created, true);
    assert.match(made.accessKey, /^[A-Z0-9]{20}$/);
    assert.match(made.secretKey, /^[A-Za-z0-9]{40}$/);
    assert.equal((await stat(path.join(directory, rootKeysFile))).mode & 0o777, 0o600);
    assert.deepEqual(await openIn(directory), { ...made, created: false });
  });

  test('two gateways have different keys', async () => {
    const [one, other] = [await openIn(await fresh()), await openIn(await fresh())];
    assert.notEqual(one.accessKey, other.accessKey);
    assert.notEqual(one.secretKey, other.secretKey);
  });

  test('keys that are set are used, and nothing is written', async () => {
    const directory = await fresh();
    const set = { accessKey: 'operator', secretKey: 'a secret of length' };
    assert.deepEqual(await openIn(directory, set), { ...set, created: false });
    assert.deepEqual(await readdir(directory), []);
  });

  test('a draft that a crash left behind is replaced', async () => {
    const directory = await fresh();
    await writeFile(path.join(directory, `${rootKeysFile}.new`), '{"accessKey":', { mode: 0o644 });
    const made = await openIn(directory);
    assert.equal(made.created, true);
    assert.deepEqual(await readdir(directory), [rootKeysFile]);
    assert.equal((await stat(path.join(directory, rootKeysFile))).mode & 0o777, 0o600);
  });

  for (const damaged of ['', '{', 'null', '{"accessKey":"A"}', '{"accessKey":1,"secretKey":2}']) {
    test(`a file with ${JSON.stringify(damaged)} is kept and reported, not replaced`, async () => {
      const directory = await fresh();
      await writeFile(path.join(directory, rootKeysFile), damaged);
      await assert.rejects(openIn(directory), (it) => it instanceof Fault && it.code === 'corrupt');
      assert.equal(await readFile(path.join(directory, rootKeysFile), 'utf8'), damaged);
    });
  }
});
