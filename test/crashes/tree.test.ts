import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  changed,
  difference,
  renamed,
  visible,
  withEntry,
  without,
  type FileNode,
  type Found,
  type FoundEntry,
  type Tree,
  type TreeNode,
} from './tree.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const file = (id: number, content: string, more: Partial<FileNode> = {}): FileNode => ({
  ...{ kind: 'file', id, durable: bytes(content), loose: [] },
  ...more,
});
const tree = (entries: Readonly<Record<string, TreeNode>>): Tree => new Map(Object.entries(entries));

/** How a file with that content looks, or one that differs in something. */
const entry = (content: string, more: Partial<FoundEntry> = {}): FoundEntry => ({
  ...{ kind: 'file', fileid: 7, links: 1, mode: 0o644, size: content.length, etag: '"tag"' },
  ...{ content: bytes(content), object: bytes(content) },
  ...more,
});
const found = (entries: Readonly<Record<string, FoundEntry>>): Found => new Map(Object.entries(entries));

const loose = [
  { offset: 2, data: bytes('XX') },
  { offset: 6, data: bytes('YY') },
];
const directory: TreeNode = { kind: 'directory', id: 9 };

const cases: readonly (readonly [string, Tree, Found, string])[] = [
  ['what was written is there', tree({ a: file(1, 'old') }), found({ a: entry('old') }), ''],
  ['a name is lost', tree({ a: file(1, 'old') }), found({}), 'a is lost'],
  ['a name has come back', tree({}), found({ a: entry('old') }), 'a should not be there'],
  [
    'content is older',
    tree({ a: file(1, 'new') }),
    found({ a: entry('old') }),
    'a has a byte at 0 of 3 that nobody wrote there',
  ],
  ['content is cut off', tree({ a: file(1, 'whole') }), found({ a: entry('who') }), 'a has 3 bytes, not 5'],
  [
    'the doors differ',
    tree({ a: file(1, 'new') }),
    found({ a: entry('new', { object: bytes('old') }) }),
    'a differs between the doors',
  ],
  [
    'the size is not that of the content',
    tree({ a: file(1, 'new') }),
    found({ a: entry('new', { size: 9 }) }),
    'a says 9 bytes, and has 3',
  ],
  [
    'the mode is lost',
    tree({ a: file(1, 'new', { mode: 0o600 }) }),
    found({ a: entry('new') }),
    'a has mode 420, not 384',
  ],
  [
    'the ETag is another one',
    tree({ a: file(1, 'new', { etag: '"put"' }) }),
    found({ a: entry('new') }),
    'a has ETag "tag", not "put"',
  ],
  [
    'of loose writes all are there',
    tree({ a: file(1, 'abcd', { loose }) }),
    found({ a: entry('abXX\0\0YY') }),
    '',
  ],
  ['of loose writes none is', tree({ a: file(1, 'abcd', { loose }) }), found({ a: entry('abcd') }), ''],
  [
    'of loose writes the later one is',
    tree({ a: file(1, 'abcd', { loose }) }),
    found({ a: entry('abcd\0\0YY') }),
    '',
  ],
  [
    'of a file with loose writes something else has changed',
    tree({ a: file(1, 'abcd', { loose }) }),
    found({ a: entry('aZcd') }),
    'a has a byte at 1 of 4 that nobody wrote there',
  ],
  [
    'of a file with loose writes the end is torn',
    tree({ a: file(1, 'abcd', { loose }) }),
    found({ a: entry('abcd\0\0Y') }),
    'a has 7 bytes, not 4 or 4 or 8',
  ],
  [
    'two names of one file',
    tree({ a: file(1, 'x'), b: file(1, 'x') }),
    found({ a: entry('x', { links: 2 }), b: entry('x', { links: 2 }) }),
    '',
  ],
  [
    'two names of one file that have become two',
    tree({ a: file(1, 'x'), b: file(1, 'x') }),
    found({ a: entry('x', { links: 2 }), b: entry('x', { links: 2, fileid: 8 }) }),
    'b is no link to the same file any more',
  ],
  [
    'a link too many',
    tree({ a: file(1, 'x') }),
    found({ a: entry('x', { links: 2 }) }),
    'a has 2 links, not 1',
  ],
  [
    'a directory has become a file',
    tree({ d: directory }),
    found({ d: entry('') }),
    'd is a file, not a directory',
  ],
];

suite('what a crash may have left', () => {
  for (const [name, must, there, problem] of cases) {
    test(name, () => assert.equal(difference(must, there), problem));
  }
});

suite('the tree that an actor expects', () => {
  const before = tree({ a: file(1, 'one'), d: directory, 'd/a': file(1, 'one'), b: file(2, 'two') });

  test('a directory is renamed with all below it, over nothing else', () =>
    assert.deepEqual([...renamed(before, 'd', 'e').keys()].sort(), ['a', 'b', 'e', 'e/a']));

  test('a rename takes the place of what has the name', () => {
    const after = renamed(before, 'a', 'b');
    assert.deepEqual([...after.keys()].sort(), ['b', 'd', 'd/a']);
    assert.equal(after.get('b')?.id, 1);
  });

  test('a change of a file shows under all of its names', () => {
    const after = changed(before, file(1, 'changed'));
    assert.deepEqual([after.get('a'), after.get('d/a')], [file(1, 'changed'), file(1, 'changed')]);
    assert.equal(after.get('b')?.id, 2);
  });

  test('what is put or removed changes nothing else', () => {
    assert.deepEqual([...withEntry(before, 'c', file(3, 'x')).keys()], [...before.keys(), 'c']);
    assert.deepEqual([...without(before, 'a', 'b').keys()], ['d', 'd/a']);
  });

  test('everybody sees all writes, with zeros where nobody has written', () =>
    assert.equal(Buffer.from(visible(file(1, 'abcd', { loose }))).toString(), 'abXX\0\0YY'));
});
