import assert from 'node:assert/strict';
import type { Ino } from '../../src/namespace/namespace.ts';
import { list } from '../namespace/model/objects.ts';
import { appearances, keysOf, type ModelDirectory } from '../namespace/model/tree.ts';
import type { Doors } from './doors.ts';
import type { History } from './history.ts';
import { outcomeOf } from './tree-specification.ts';

/** Everything there is: keys as S3 lists them, and files by their path on a mount with their contents. */
interface Inventory {
  readonly keys: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly directories: readonly string[];
}

/**
 * The server has died and come back: keeps everything that is there now as what a call `crash` came to. The model answers
 * the same only if all that was acknowledged as durable is there, if nothing is there that nobody wrote, and if each file
 * holds what one of its writes left since it was last made durable.
 */
export async function recordRecovery(
  history: History<ModelDirectory>,
  doors: Doors,
  top: Ino,
): Promise<void> {
  history.interrupt();
  const apply = (tree: ModelDirectory, seen: string | undefined): string =>
    outcomeOf(() => recovered(tree, seen ?? '{}'));
  await history.record({ client: 0, name: 'crash', apply }, async () => textOf(await inventory(doors, top)));
}

function recovered(tree: ModelDirectory, seen: string): string {
  const { files } = JSON.parse(seen) as Inventory;
  for (const [path, file] of keysOf(tree)) {
    const candidates = [...(file.earlier ?? []), { content: file.content, etag: file.etag }];
    const left = candidates.findLast(({ content }) => content === files[path]);
    if (left !== undefined) Object.assign(file, left);
    file.earlier = [];
  }
  return textOf(modelInventory(tree));
}

function modelInventory(tree: ModelDirectory): Inventory {
  const files: Record<string, string> = {};
  const directories: string[] = [];
  const visit = (directory: ModelDirectory, path: string): void => {
    for (const [name, { entry, node }] of appearances(directory)) {
      if (entry === '') continue;
      if (node.kind !== 'directory') files[path + name] = node.content;
      else {
        directories.push(path + name);
        visit(node, `${path}${name}/`);
      }
    }
  };
  visit(tree, '');
  return { keys: list(tree, '', ''), files, directories };
}

/** Each content is read through both doors. */
async function inventory(doors: Doors, top: Ino): Promise<Inventory> {
  const files: Record<string, string> = {};
  const directories: string[] = [];
  const visit = async (directory: Ino, path: string): Promise<void> => {
    for (const name of await doors.readDirectory(directory)) {
      const ino = await doors.lookup(directory, name);
      if (/^[de]$/.test(name)) {
        directories.push(path + name);
        await visit(ino, `${path}${name}/`);
        continue;
      }
      files[path + name] = await doors.readFile(ino);
      assert.equal(
        await doors.get(path + name),
        files[path + name],
        `both doors show the same ${path}${name}`,
      );
    }
  };
  await visit(top, '');
  return { keys: await doors.list(''), files, directories };
}

/** The same for equal ones. */
const textOf = ({ keys, files, directories }: Inventory): string =>
  JSON.stringify({
    keys: keys.toSorted(),
    files: Object.fromEntries(Object.entries(files).sort()),
    directories: directories.toSorted(),
  });
