import * as objects from '../namespace/model/objects.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import type { Condition } from './doors.ts';
import { brief, freshContent, memberships, pick, remember, type Maker, type Operation } from './operation.ts';

const keys = ['a', 'b', 'd/a', 'd/b', 'e/a'] as const;
/** Keys that a listing may have, of directories too. */
const listable = ['', 'd/', 'e/', 'd/d/', 'd/e/', 'e/d/', 'e/e/'].flatMap((path) =>
  ['', 'a', 'b'].map((name) => path + name).filter((key) => key !== ''),
);

const conditionText = (condition: Condition): string => {
  if (condition === 'none') return '';
  return condition === 'absent' ? ' if absent' : ` if ${brief(condition.content)}`;
};

/** In the words of the model, whose ETag of what S3 has written is its content. */
function modelCondition(tree: ModelDirectory, key: string, condition: Condition): objects.Condition {
  if (typeof condition === 'string') return condition;
  return objects.head(tree, key)?.etag === condition.content ? 'current' : 'another';
}

function anyCondition(maker: Maker, choices: readonly ('none' | 'absent' | 'match')[]): Condition {
  const choice = pick(maker, choices);
  if (choice !== 'match') return choice;
  return maker.contents.length === 0 ? 'none' : { content: pick(maker, maker.contents) };
}

function put(maker: Maker): Operation {
  const [key, content] = [pick(maker, keys), freshContent(maker)];
  const condition = anyCondition(maker, ['none', 'none', 'none', 'absent', 'match']);
  return {
    name: `PUT ${key} ${brief(content)}${conditionText(condition)}`,
    apply(tree) {
      objects.put(tree, key, { content, etag: content, condition: modelCondition(tree, key, condition) });
    },
    run: () => maker.doors.put(key, content, condition),
    learn: (outcome) => {
      if (outcome === 'done') remember(maker, content);
    },
  };
}

function get(maker: Maker): Operation {
  const key = pick(maker, keys);
  return {
    name: `GET ${key}`,
    isPure: true,
    apply: (tree) => objects.head(tree, key)?.content ?? 'none',
    run: async () => (await maker.doors.get(key)) ?? 'none',
    learn: (outcome) => {
      if (outcome !== 'none' && !outcome.startsWith('!')) remember(maker, outcome);
    },
  };
}

function head(maker: Maker): Operation {
  const key = pick(maker, keys);
  return {
    name: `HEAD ${key}`,
    isPure: true,
    apply(tree) {
      const file = objects.head(tree, key);
      return file === undefined ? 'none' : `${file.content.length} ${file.etag ?? 'opaque'}`;
    },
    async run() {
      const found = await maker.doors.head(key);
      return found === undefined ? 'none' : `${found.size} ${found.etag}`;
    },
  };
}

function deleteKey(maker: Maker): Operation {
  const key = pick(maker, keys);
  const condition = anyCondition(maker, ['none', 'none', 'match']);
  return {
    name: `DELETE ${key}${conditionText(condition)}`,
    apply: (tree) => objects.removeKey(tree, key, modelCondition(tree, key, condition)),
    run: () => maker.doors.deleteKey(key, condition),
  };
}

function renameKey(maker: Maker): Operation {
  const [from, to] = [pick(maker, keys), pick(maker, keys)];
  return {
    name: `RenameObject ${from} ${to}`,
    apply(tree) {
      objects.renameKey(tree, { from, to, condition: 'none' });
    },
    run: () => maker.doors.renameKey(from, to),
  };
}

function list(maker: Maker): Operation {
  const prefix = pick(maker, ['', '', 'd/']);
  const name = `LIST ${prefix}`;
  const shown = (tree: ModelDirectory): readonly string[] => objects.list(tree, prefix, '');
  const names = listable.filter((key) => key.startsWith(prefix));
  return {
    name,
    isPure: true,
    partsOf: memberships(name, names, shown),
    apply: (tree) => shown(tree).join(' '),
    run: async () => (await maker.doors.list(prefix)).join(' '),
  };
}

export const objectOperations = [put, put, put, get, get, head, deleteKey, renameKey, list];
