import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { openDataDirectory } from '../../src/gateway/data-directory.ts';

suite('the data directory', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-data-'))));
  after(() => rm(root, { recursive: true }));

  test('is made with its parents, for its owner only, and opened again', async () => {
    const directory = path.join(root, 'a/b/c');
    await openDataDirectory(directory);
    await openDataDirectory(directory);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
  });

  test('in the place of a file it is refused in a sentence that says what to do', async () => {
    const file = path.join(root, 'file');
    await writeFile(file, '');
    for (const [directory, reason] of [
      [file, 'it is no directory'],
      [path.join(file, 'below'), 'a part of the path is no directory'],
      // Node's own recursion never ends here.
      ['/proc/terrace/below', 'nothing can be made there'],
    ] as const) {
      const detail = `The data directory ${directory} cannot be used, ${reason}: choose another with --data DIR.`;
      await assert.rejects(openDataDirectory(directory), (it) => it instanceof Fault && it.detail === detail);
    }
  });
});
