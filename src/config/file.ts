import { parse as parseYaml } from 'yaml';
import { CONFIG_FILE_BYTES_MAX } from '../limits.ts';
import { isTree, type ConfigFile, type Tree } from './tree.ts';
import { UsageError } from './usage-error.ts';

/** The settings of a config file. UsageError when it is no YAML or no settings. */
export function parseConfigFile(name: string, text: string): ConfigFile {
  if (Buffer.byteLength(text) > CONFIG_FILE_BYTES_MAX) {
    throw new UsageError(`${name}: a config file has at most ${CONFIG_FILE_BYTES_MAX} bytes`);
  }
  let parsed: unknown;
  try {
    parsed = parseYaml(text);
  } catch (cause) {
    const [reason] = String((cause as Error).message).split('\n');
    throw new UsageError(`${name}: this is not YAML: ${reason}`, { cause });
  }
  if (parsed === null || parsed === undefined) return { name, tree: {} };
  if (!isTree(parsed)) {
    throw new UsageError(`${name}: a config file holds settings by name, for example "data: /srv/terrace"`);
  }
  return { name, tree: withoutNulls(parsed) };
}

/** `s3:` with nothing below it says nothing. */
function withoutNulls(tree: Tree): Tree {
  const kept = Object.entries(tree).filter(([, value]) => value !== null);
  return Object.fromEntries(
    kept.map(([name, value]) => [name, isTree(value) ? withoutNulls(value) : value] as const),
  );
}
