import { createHash } from 'node:crypto';
import { Fault, type FaultCode } from '../../../src/fault.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';

/** Names, keys and contents are latin1 strings: one character a byte. */
export interface ModelFile {
  readonly kind: 'file' | 'symlink' | 'fifo';
  /** A symlink's is its target. */
  content: string;
  mode: number;
  links: number;
  /** `undefined`: opaque, made by the server. */
  etag: string | undefined;
  /** The opaque one when it has been seen; it stays until the content changes. */
  etagSeen: string | undefined;
  metadata: string;
  tag: string;
  ino: Ino | undefined;
  /** What a power loss may bring back, the oldest first: what NFS has written since is not durable. */
  earlier?: readonly Pick<ModelFile, 'content' | 'etag'>[];
}

export class ModelDirectory {
  readonly kind = 'directory';
  /** By name; a directory's with a slash behind it. */
  readonly entries = new Map<string, ModelNode>();
  parent: ModelDirectory | undefined;
  ino: Ino | undefined;

  constructor(parent: ModelDirectory | undefined) {
    this.parent = parent;
  }
}

export type ModelNode = ModelFile | ModelDirectory;

export const fail = (code: FaultCode): never => {
  throw new Fault(code, 'inode', 'by the model');
};

export const newFile = (given: Partial<ModelFile>): ModelFile => ({
  kind: 'file',
  content: '',
  mode: 0o644,
  links: 1,
  etag: undefined,
  etagSeen: undefined,
  metadata: '',
  tag: '',
  ino: undefined,
  ...given,
});

/** The escape as its table says it, without regard for speed. */
export function appearance(name: string, isClash: boolean): string {
  const isLegal = name.length > 0 && name.length <= 255 && !name.includes('\0') && !/^\.{1,2}$/.test(name);
  if (isLegal && !name.startsWith('.s3:') && !isClash) return name;
  const mark = isClash ? '~' : '=';
  const encoded = /^\.{1,2}$/.test(name)
    ? name.replaceAll('.', '%2e')
    : name.replaceAll('%', '%25').replaceAll('\0', '%00');
  const plain = `.s3:${mark}${encoded}`;
  if (plain.length <= 255) return plain;
  const digest = createHash('sha256').update(Buffer.from(name, 'latin1')).digest('hex').slice(0, 32);
  return `.s3:#${mark}${digest}-${encoded}`.slice(0, 255);
}

export interface ModelEntry {
  /** Key of `entries`. */
  readonly entry: string;
  readonly node: ModelNode;
}

export const entryOf = (name: string, node: ModelNode): string =>
  node.kind === 'directory' ? `${name}/` : name;
const nameOf = (entry: string): string => entry.replace(/\/$/, '');

/** Every entry of a directory by the name under which POSIX sees it. */
export function appearances(directory: ModelDirectory): ReadonlyMap<string, ModelEntry> {
  const found = new Map<string, ModelEntry>();
  for (const [entry, node] of directory.entries) {
    const isClash = node.kind !== 'directory' && directory.entries.has(`${entry}/`);
    found.set(appearance(nameOf(entry), isClash), { entry, node });
  }
  return found;
}

function requireValid(name: string): void {
  if (name.length > 255) fail('name-too-long');
  if (name.length === 0 || /[\0/]/.test(name)) fail('invalid-argument');
}

export function find(directory: ModelDirectory, name: string): ModelEntry | undefined {
  requireValid(name);
  return appearances(directory).get(name);
}

export const requireEntry = (directory: ModelDirectory, name: string): ModelEntry =>
  find(directory, name) ?? fail('not-found');

export function nameToMake(name: string): string {
  requireValid(name);
  if (name === '.' || name === '..') fail('exists');
  if (name.startsWith('.s3:')) fail('invalid-argument');
  return name;
}

/** All directories from `top` down. */
export function directoriesOf(top: ModelDirectory): readonly ModelDirectory[] {
  const below = [...top.entries.values()].filter((node) => node.kind === 'directory');
  return [top, ...below.flatMap(directoriesOf)];
}

/** All keys below `top` with what they lead to. */
export function keysOf(top: ModelDirectory, path = ''): readonly (readonly [string, ModelFile])[] {
  return [...top.entries].flatMap(([entry, node]) =>
    node.kind === 'directory' ? keysOf(node, path + entry) : [[path + entry, node] as const],
  );
}
