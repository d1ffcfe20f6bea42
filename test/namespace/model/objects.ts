import { fail, keysOf, ModelDirectory, newFile, type ModelFile } from './tree.ts';

/** ObjectStore as its documentation says it. */

/** What a conditional request asks for; `current`: the ETag that the object has. */
export type Condition = 'none' | 'absent' | 'current' | 'another' | 'not-current';

interface Resolved {
  /** From the bucket down. */
  readonly path: readonly ModelDirectory[];
  readonly name: string;
  readonly file: ModelFile | undefined;
}

function resolve(bucket: ModelDirectory, key: string): Resolved {
  const components = key.split('/');
  const name = components.pop() ?? '';
  const path = [bucket];
  for (const component of components) {
    const next = path.at(-1)?.entries.get(`${component}/`);
    if (next?.kind !== 'directory') return { path, name, file: undefined };
    path.push(next);
  }
  const node = path.at(-1)?.entries.get(name);
  return { path, name, file: node === undefined || node.kind === 'directory' ? undefined : node };
}

export const head = (bucket: ModelDirectory, key: string): ModelFile | undefined => resolve(bucket, key).file;

function requireCondition(file: ModelFile | undefined, condition: Condition): void {
  if (condition === 'absent' && file !== undefined) fail('precondition-failed');
  if ((condition === 'current' || condition === 'another') && file === undefined) fail('not-found');
  if (condition === 'another') fail('precondition-failed');
  if (condition === 'not-current' && file !== undefined) fail('precondition-failed');
}

export function put(
  bucket: ModelDirectory,
  key: string,
  { content, etag, condition }: { content: string; etag: string; condition: Condition },
): ModelFile {
  const old = head(bucket, key);
  requireCondition(old, condition);
  const { directory, name } = implicitPath(bucket, key);
  if (old !== undefined) old.links -= 1;
  const mode = old?.kind === 'file' ? old.mode : 0o644;
  const file = newFile({ content, etag, mode });
  directory.entries.set(name, file);
  return file;
}

function implicitPath(bucket: ModelDirectory, key: string): { directory: ModelDirectory; name: string } {
  const components = key.split('/');
  const name = components.pop() ?? '';
  let directory = bucket;
  for (const component of components) {
    const there = directory.entries.get(`${component}/`);
    const next = there?.kind === 'directory' ? there : new ModelDirectory(directory);
    directory.entries.set(`${component}/`, next);
    directory = next;
  }
  return { directory, name };
}

export function renameKey(
  bucket: ModelDirectory,
  { from, to, condition }: { from: string; to: string; condition: Condition },
): ModelFile {
  const { path, name, file } = resolve(bucket, from);
  if (file === undefined) return fail('not-found');
  const old = head(bucket, to);
  if (old === undefined && (condition === 'current' || condition === 'another')) fail('precondition-failed');
  requireCondition(old, condition);
  if (from === to) return file;
  const target = implicitPath(bucket, to);
  if (old !== undefined) old.links -= 1;
  target.directory.entries.set(target.name, file);
  path.at(-1)?.entries.delete(name);
  removeEmptied(path);
  return file;
}

export function removeKey(bucket: ModelDirectory, key: string, condition: Condition): void {
  const { path, name, file } = resolve(bucket, key);
  requireCondition(file, condition);
  if (file === undefined) return;
  path.at(-1)?.entries.delete(name);
  file.links -= 1;
  removeEmptied(path);
}

function removeEmptied(path: Resolved['path']): void {
  for (const directory of path.toReversed()) {
    if (directory.entries.size > 0) break;
    for (const [entry, node] of directory.parent?.entries ?? [])
      if (node === directory) directory.parent?.entries.delete(entry);
  }
}

export function changeMetadata(bucket: ModelDirectory, key: string, metadata: string): ModelFile {
  const file = head(bucket, key) ?? fail('not-found');
  file.metadata = metadata;
  file.tag = metadata;
  return file;
}

export function setTag(bucket: ModelDirectory, key: string, tag: string): ModelFile | undefined {
  const file = head(bucket, key);
  if (file !== undefined) file.tag = tag;
  return file;
}

export function list(bucket: ModelDirectory, prefix: string, delimiter: string): readonly string[] {
  const found: string[] = [];
  const keys = keysOf(bucket).map(([key]) => key);
  for (const key of keys.sort().filter((each) => each.startsWith(prefix))) {
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = at < 0 ? key : key.slice(0, at + delimiter.length);
    if (found.at(-1) !== entry) found.push(entry);
  }
  return found;
}
