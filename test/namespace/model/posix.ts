import {
  entryOf,
  fail,
  find,
  ModelDirectory,
  nameToMake,
  newFile,
  requireEntry,
  type ModelEntry,
  type ModelFile,
  type ModelNode,
} from './tree.ts';

/** FileTree as its documentation says it, for the superuser. Each faults before it changes anything. */

export interface ModelPlace {
  readonly directory: ModelDirectory;
  readonly name: string;
}

function requireFree({ directory, name }: ModelPlace): void {
  if (find(directory, name) !== undefined) fail('exists');
  nameToMake(name);
}

function enter({ directory, name }: ModelPlace, node: ModelNode): void {
  requireFree({ directory, name });
  directory.entries.set(entryOf(name, node), node);
}

export function create(place: ModelPlace, how: 'guarded' | 'unchecked', size: number | undefined): ModelFile {
  const there = how === 'unchecked' ? find(place.directory, place.name)?.node : undefined;
  if (there === undefined) {
    const file = newFile({ mode: 0o600, content: '\0'.repeat(size ?? 0) });
    enter(place, file);
    return file;
  }
  if (there.kind === 'directory') return fail('is-directory');
  if (there.kind !== 'file') return fail('exists');
  if (size !== undefined) truncate(there, size);
  return there;
}

export function makeDirectory(place: ModelPlace): ModelDirectory {
  const directory = new ModelDirectory(place.directory);
  enter(place, directory);
  addMarker(directory);
  return directory;
}

function addMarker(directory: ModelDirectory): void {
  directory.entries.set('', newFile({ etag: 'd41d8cd98f00b204e9800998ecf8427e' }));
}

export function makeSpecial(place: ModelPlace, kind: 'symlink' | 'fifo', target: string): ModelFile {
  const file = newFile({ kind, mode: kind === 'symlink' ? 0o777 : 0o600, content: target });
  enter(place, file);
  return file;
}

export function link(node: ModelNode, place: ModelPlace): void {
  requireFree(place);
  if (node.kind === 'directory') return fail('not-permitted');
  enter(place, node);
  node.links += 1;
}

export function remove({ directory, name }: ModelPlace): void {
  const { entry, node } = requireEntry(directory, name);
  if (node.kind === 'directory') return fail('is-directory');
  directory.entries.delete(entry);
  node.links -= 1;
  keep(directory);
}

/** What empties an implicit directory here makes it explicit. */
function keep(directory: ModelDirectory): void {
  if (directory.parent !== undefined && directory.entries.size === 0) addMarker(directory);
}

export function removeDirectory({ directory, name }: ModelPlace): void {
  if (name === '.') fail('invalid-argument');
  if (name === '..') fail('not-empty');
  const found = requireEntry(directory, name);
  if (found.node.kind !== 'directory') fail('not-directory');
  takeAway(directory, found);
  keep(directory);
}

/** An empty directory, or one with a marker that has no body. */
function takeAway(parent: ModelDirectory, { entry, node }: ModelEntry): void {
  if (node.kind !== 'directory') return fail('not-directory');
  const [child] = node.entries.values();
  if (child !== undefined) {
    const isMarker = node.entries.size === 1 && node.entries.has('') && child.kind !== 'directory';
    if (!isMarker || child.content !== '') return fail('not-empty');
    child.links -= 1;
    node.entries.clear();
  }
  parent.entries.delete(entry);
}

export function rename(from: ModelPlace, to: ModelPlace): void {
  if ([from, to].some(({ name }) => name === '.' || name === '..')) fail('invalid-argument');
  const moving = requireEntry(from.directory, from.name);
  const replaced = find(to.directory, to.name);
  if (replaced?.node === moving.node) return;
  const isDirectory = moving.node.kind === 'directory';
  if (isDirectory && isBelow(to.directory, moving.node)) fail('invalid-argument');
  if (replaced === undefined) nameToMake(to.name);
  else if (replaced.node.kind === 'directory') {
    if (!isDirectory) fail('is-directory');
    takeAway(to.directory, replaced);
  } else {
    if (isDirectory) fail('not-directory');
    replaced.node.links -= 1;
    to.directory.entries.delete(replaced.entry);
  }
  from.directory.entries.delete(moving.entry);
  const name = replaced === undefined ? to.name : replaced.entry.replace(/\/$/, '');
  to.directory.entries.set(entryOf(name, moving.node), moving.node);
  if (moving.node.kind === 'directory') moving.node.parent = to.directory;
  if (from.directory !== to.directory) keep(from.directory);
}

function isBelow(directory: ModelDirectory, node: ModelNode): boolean {
  for (let at: ModelDirectory | undefined = directory; at !== undefined; at = at.parent)
    if (at === node) return true;
  return false;
}

function changed(file: ModelFile, content: string): void {
  file.content = content;
  file.etag = undefined;
  file.etagSeen = undefined;
}

function requireFile(node: ModelNode): ModelFile {
  if (node.kind === 'directory') return fail('is-directory');
  return node.kind === 'file' ? node : fail('invalid-argument');
}

export function write(node: ModelNode, offset: number, data: string): void {
  const file = requireFile(node);
  if (data === '') return;
  const start = file.content.slice(0, offset).padEnd(offset, '\0');
  changed(file, start + data + file.content.slice(offset + data.length));
}

export function truncate(node: ModelNode, size: number): void {
  const file = requireFile(node);
  changed(file, file.content.slice(0, size).padEnd(size, '\0'));
}

export function changeMode(node: ModelNode, mode: number): void {
  if (node.kind !== 'directory') node.mode = mode;
}

export const read = (node: ModelNode, offset: number, length: number): string =>
  requireFile(node).content.slice(offset, offset + length);

export function readlink(node: ModelNode): string {
  return node.kind === 'symlink' ? node.content : fail('invalid-argument');
}

export function lookup({ directory, name }: ModelPlace): ModelNode {
  if (name === '.') return directory;
  if (name === '..') return directory.parent ?? directory;
  return requireEntry(directory, name).node;
}
