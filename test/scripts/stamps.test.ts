import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';

interface Stamps {
  hashOf(root: string, places: readonly string[], also?: readonly string[]): string;
  openStamps(root: string): {
    hash(name: string, places: readonly string[]): string;
    isCurrent(name: string, hash: string): boolean;
    save(name: string, hash: string): void;
  };
  pruneOutputs(sourceRoot: string, outputRoot: string, folders: readonly string[]): void;
}
const { hashOf, openStamps, pruneOutputs } = (await import(
  path.resolve('scripts/setup/stamps.mjs')
)) as Stamps;

suite('what the set-up holds for up to date', () => {
  let root = '';
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'terrace-stamps-'));
    write('src/a.ts', 'one');
    write('src/deep/b.ts', 'two');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const changes = [
    { name: 'a changed file', change: () => write('src/a.ts', 'ONE'), isSame: false },
    { name: 'a new file', change: () => write('src/c.ts', ''), isSame: false },
    {
      name: 'a renamed file',
      change: () => renameSync(path.join(root, 'src/a.ts'), path.join(root, 'src/z.ts')),
      isSame: false,
    },
    {
      name: 'bytes that moved from one file to the next',
      change: () => (write('src/a.ts', 'onetw'), write('src/deep/b.ts', 'o')),
      isSame: false,
    },
    { name: 'the same bytes written again', change: () => write('src/a.ts', 'one'), isSame: true },
    {
      name: 'what was built from them',
      change: () => (write('src/dist/a.js', ''), write('src/x.node', '')),
      isSame: true,
    },
  ];
  for (const { name, change, isSame } of changes) {
    test(`${name} ${isSame ? 'changes nothing' : 'makes the step due'}`, () => {
      const before = hashOf(root, ['src']);
      change();
      assert.equal(hashOf(root, ['src']) === before, isSame);
    });
  }

  for (const { name, change, isSame } of changes) {
    test(`${name} ${isSame ? 'changes nothing' : 'makes the step due'}, also for who only glanced before`, () => {
      const stamps = openStamps(root);
      const before = stamps.hash('step', ['src']);
      stamps.save('step', before);
      assert.equal(stamps.hash('step', ['src']), before);
      change();
      assert.equal(stamps.hash('step', ['src']) === before, isSame);
    });
  }

  test('another version of Node makes the step due', () =>
    assert.notEqual(hashOf(root, ['src'], ['115']), hashOf(root, ['src'], ['127'])));

  test('a stamp is current after it was saved, for its step and its hash only', () => {
    assert.equal(openStamps(root).isCurrent('native', 'h1'), false);
    openStamps(root).save('native', 'h1');
    openStamps(root).save('npm', 'h2');
    assert.equal(openStamps(root).isCurrent('native', 'h1'), true);
    assert.equal(openStamps(root).isCurrent('native', 'h2'), false);
  });

  test('a damaged file of stamps makes every step due', () => {
    openStamps(root).save('native', 'h1');
    write('node_modules/.cache/terrace/setup.json', '{"native":');
    assert.equal(openStamps(root).isCurrent('native', 'h1'), false);
  });

  test('compiled files without a source are removed, so that a deleted test does not run on', () => {
    for (const file of ['a.js', 'a.d.ts', 'a.js.map', 'gone.test.js', 'gone.test.d.ts'])
      write(`dist/src/${file}`, '');
    pruneOutputs(root, path.join(root, 'dist'), ['src', 'test']);
    assert.deepEqual(readdirSync(path.join(root, 'dist/src')), ['a.d.ts', 'a.js', 'a.js.map']);
  });
});
