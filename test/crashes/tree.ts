/** An unstable write without a COMMIT: a crash may take it. */
export interface LooseWrite {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface FileNode {
  readonly kind: 'file';
  /** The same for all names of a file. */
  readonly id: number;
  /** What a crash must leave, but for what loose writes may have changed. */
  readonly durable: Uint8Array;
  /** In the order in which they were sent. */
  readonly loose: readonly LooseWrite[];
  /** Where it is known: permission bits; the ETag of what S3 wrote. */
  readonly mode?: number;
  readonly etag?: string;
}
export type TreeNode =
  | FileNode
  | { readonly kind: 'symlink'; readonly id: number; readonly target: string }
  | { readonly kind: 'directory'; readonly id: number };

/** What must be there: paths below the directory of one actor, and what they lead to. */
export type Tree = ReadonlyMap<string, TreeNode>;

/** What a path led to when somebody looked, through both doors. */
export interface FoundEntry {
  readonly kind: TreeNode['kind'];
  readonly fileid: number;
  readonly links: number;
  readonly mode: number;
  readonly size: number;
  /** Of a file or symlink: as NFS reads it, and as S3 does. */
  readonly content: Uint8Array;
  readonly object: Uint8Array;
  readonly etag: string | undefined;
}
export type Found = ReadonlyMap<string, FoundEntry>;

export const withEntry = (tree: Tree, path: string, node: TreeNode): Tree => new Map([...tree, [path, node]]);

export const without = (tree: Tree, ...paths: readonly string[]): Tree =>
  new Map([...tree].filter(([path]) => !paths.includes(path)));

/** All names of a file lead to what has become of it. */
export const changed = (tree: Tree, node: FileNode): Tree =>
  new Map([...tree].map(([path, each]) => [path, each.id === node.id ? node : each]));

/** With all that is below it; what had the new name has gone. */
export function renamed(tree: Tree, from: string, to: string): Tree {
  const moved = (path: string): string =>
    path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
  return new Map([...without(tree, to)].map(([path, node]) => [moved(path), node]));
}

/** The content when every write has been done. */
export function visible({ durable, loose }: FileNode): Uint8Array {
  return loose.reduce(written, durable);
}

export function written(content: Uint8Array, { offset, data }: LooseWrite): Uint8Array {
  const after = Buffer.alloc(Math.max(content.length, offset + data.length));
  after.set(content);
  after.set(data, offset);
  return after;
}

/** `''` when a crash may have left of `tree` what was found, else what is wrong. */
export function difference(tree: Tree, found: Found): string {
  for (const path of found.keys()) if (!tree.has(path)) return `${path} should not be there`;
  const fileids = new Map<number, number>();
  for (const [path, node] of tree) {
    const entry = found.get(path);
    if (entry === undefined) return `${path} is lost`;
    const problem = differenceOf(node, entry) || differenceOfNames(tree, node, entry, fileids);
    if (problem !== '') return `${path} ${problem}`;
  }
  return '';
}

function differenceOf(node: TreeNode, entry: FoundEntry): string {
  if (entry.kind !== node.kind) return `is a ${entry.kind}, not a ${node.kind}`;
  if (node.kind === 'directory') return '';
  if (!Buffer.from(entry.content).equals(entry.object)) return 'differs between the doors';
  if (node.kind === 'symlink')
    return Buffer.from(entry.content).toString() === node.target ? '' : 'leads elsewhere';
  if (entry.size !== entry.content.length) return `says ${entry.size} bytes, and has ${entry.content.length}`;
  if (node.mode !== undefined && entry.mode !== node.mode) return `has mode ${entry.mode}, not ${node.mode}`;
  if (node.etag !== undefined && entry.etag !== node.etag) return `has ETag ${entry.etag}, not ${node.etag}`;
  return differenceOfContent(node, entry.content);
}

/** Names of one file lead to one file, which says how many they are. */
function differenceOfNames(
  tree: Tree,
  node: TreeNode,
  entry: FoundEntry,
  fileids: Map<number, number>,
): string {
  const known = fileids.get(node.id);
  if (known !== undefined && known !== entry.fileid) return 'is no link to the same file any more';
  fileids.set(node.id, entry.fileid);
  if (node.kind !== 'file') return '';
  const names = [...tree.values()].filter(({ id }) => id === node.id).length;
  return entry.links === names ? '' : `has ${entry.links} links, not ${names}`;
}

function differenceOfContent(node: FileNode, content: Uint8Array): string {
  const whole = visible(node);
  if (Buffer.from(whole).equals(content)) return '';
  const { durable, loose } = node;
  const lengths = [durable.length, ...loose.map(({ offset, data }) => offset + data.length)];
  if (content.length < durable.length || !lengths.includes(content.length)) {
    return `has ${content.length} bytes, not ${lengths.join(' or ')}`;
  }
  for (let at = 0; at < content.length; at += 1) {
    const byte = content[at];
    if (byte === (durable[at] ?? 0)) continue;
    const isWritten = loose.some(({ offset, data }) => at >= offset && data[at - offset] === byte);
    if (!isWritten) return `has a byte at ${at} of ${content.length} that nobody wrote there`;
  }
  return '';
}
