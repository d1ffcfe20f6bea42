import path from 'node:path';
import { makeKeyPair } from '../accounts/key-pair.ts';
import type { Random } from '../environment.ts';
import { Fault } from '../fault.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

export interface RootKeys {
  readonly accessKey: string;
  readonly secretKey: string;
  /** True at the one start that made them: the only time that they are shown. */
  readonly created: boolean;
}

/** In the data directory; only its owner can read it. */
export const rootKeysFile = 'root-keys.json';

/** The keys that are set, else those of the data directory, else new ones, durably kept there before they are used. */
export async function openRootKeys(
  { random }: { readonly random: Random },
  directory: string,
  set: { readonly accessKey?: string; readonly secretKey?: string },
): Promise<RootKeys> {
  const { accessKey, secretKey } = set;
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey, created: false };
  const file = path.join(directory, rootKeysFile);
  const kept = await readPrivateFile(file);
  if (kept !== undefined) return { ...parseKeys(file, kept), created: false };
  const made = makeKeyPair(random);
  await writePrivateFile(file, `${JSON.stringify(made, undefined, 2)}\n`);
  return { ...made, created: true };
}

function parseKeys(file: string, text: string): { accessKey: string; secretKey: string } {
  const keys = readJson(text);
  if (typeof keys?.['accessKey'] === 'string' && typeof keys['secretKey'] === 'string') {
    return { accessKey: keys['accessKey'], secretKey: keys['secretKey'] };
  }
  throw new Fault(
    'corrupt',
    'store',
    `${file} holds no keys: restore it, or remove it and the next start makes new keys`,
  );
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined; // The caller says which file and what to do.
  }
}
